package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// docs asks the command itself for its completions and help.
func (b *builder) docs(ctx context.Context) ([]file, error) {
	binary, err := b.binary(ctx, platform{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	ask := func(args ...string) (string, error) {
		c := exec.CommandContext(ctx, binary, args...)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, os.Stderr
		if err := c.Run(); err != nil {
			return "", fmt.Errorf("segproof %s: %w", strings.Join(args, " "), err)
		}
		return out.String(), nil
	}
	var out []file
	add := func(name, text string) { out = append(out, file{name: name, data: []byte(text), mode: 0o644}) }
	for _, c := range []struct{ shell, name string }{{"bash", "segproof.bash"}, {"zsh", "_segproof"}, {"fish", "segproof.fish"}, {"powershell", "segproof.ps1"}} {
		text, err := ask("completion", c.shell)
		if err != nil {
			return nil, err
		}
		add("completions/"+c.name, text)
	}
	top, err := ask("--help")
	if err != nil {
		return nil, err
	}
	names := commands(top)
	if len(names) == 0 {
		return nil, fmt.Errorf("the help of segproof names no command:\n%s", top)
	}
	add("man/segproof.1", page("segproof", top, names))
	for _, name := range names {
		help, err := ask(name, "--help")
		if err != nil {
			return nil, err
		}
		add("man/segproof-"+name+".1", page("segproof-"+name, help, nil))
	}
	return out, nil
}

// commands are those that the help lists.
func commands(help string) []string {
	var out []string
	_, list, _ := strings.Cut(help, "Commands:\n")
	for line := range strings.Lines(list) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "  "), " ")
		if !ok || !strings.HasPrefix(line, "  ") || name == "" {
			break
		}
		if name != "help" && name != "completion" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// page makes a manual page of a help text. Its sections become the page's; what
// is laid out by columns stays so.
func page(name, help string, more []string) string {
	var out strings.Builder
	first, _, _ := strings.Cut(help, "\n")
	fmt.Fprintf(&out, ".TH %s 1 \"\" segproof\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n", strings.ToUpper(roff(name)), roff(name), roff(strings.TrimSuffix(first, ".")))
	for line := range strings.Lines(help) {
		line = strings.TrimRight(line, "\n")
		if section, ok := strings.CutSuffix(line, ":"); ok && section != "" && line[0] != ' ' && !strings.Contains(section, ". ") && len(section) < 30 {
			fmt.Fprintf(&out, ".fi\n.SH %s\n.nf\n", strings.ToUpper(roff(section)))
			continue
		}
		out.WriteString(roff(line) + "\n")
	}
	out.WriteString(".fi\n")
	if len(more) > 0 {
		out.WriteString(".SH SEE ALSO\n")
		for _, c := range more {
			fmt.Fprintf(&out, ".BR segproof\\-%s (1)\n", c)
		}
	}
	return out.String()
}

// roff escapes what roff would take for its own.
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	s = strings.ReplaceAll(s, "-", `\-`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
