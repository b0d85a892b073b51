package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

func newRules(s streams) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "rules [RULE]",
		Short: "List the rules, or explain one",
		Example: `  segproof rules
  segproof rules flow-drop-gap
  segproof rules SEG101 -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			chosen, err := choose(args)
			if err != nil {
				return err
			}
			switch {
			case format == "json":
				return printJSON(s.out, chosen)
			case format != "text":
				return usage("--output %q: expected text or json", format)
			case len(args) == 1:
				return explainRule(s.out, chosen[0])
			}
			return listRules(s.out, chosen)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

func choose(args []string) ([]*audit.Rule, error) {
	if len(args) == 0 {
		return rules.All, nil
	}
	var all []string
	for _, r := range rules.All {
		if strings.EqualFold(r.ID, args[0]) || r.Name == args[0] {
			return []*audit.Rule{r}, nil
		}
		all = append(all, r.Name)
	}
	return nil, usage("no rule %q\nthe rules are %s", args[0], strings.Join(all, ", "))
}

func printJSON(w io.Writer, rs []*audit.Rule) error {
	infos := []audit.RuleInfo{}
	for _, r := range rs {
		infos = append(infos, r.Info())
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(infos)
}

func listRules(w io.Writer, rs []*audit.Rule) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tRULE\tSEVERITY\tTITLE")
	for _, r := range rs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.ID, r.Name, r.Severity, r.Doc.Title)
	}
	return t.Flush()
}

func explainRule(w io.Writer, r *audit.Rule) error {
	state := "on by default"
	if r.Off {
		state = "off by default"
	}
	_, err := fmt.Fprintf(w, "%s %s (%s, %s)\n%s\n\nWhy it matters\n  %s\n\nWhat to do\n  %s\n\nWhat it can't see\n  %s\n\nNeeds %s. References: %s.\n",
		r.ID, r.Name, r.Severity, state, r.Doc.Title, r.Doc.Why, r.Doc.Fix, r.Doc.Blind, r.Needs, strings.Join(r.References, ", "))
	return err
}
