// Command sarif holds SARIF documents against Microsoft's validator, with the
// rules of GitHub turned on. The validator exits 0 whatever it finds, so what it
// writes is read.
//
// That the validator and its configuration do anything is shown first: a
// document that is broken in ways that GitHub refuses must be refused.
//
//	go run ./sarif MULTITOOL FILE…
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: sarif MULTITOOL FILE…")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(tool string, files []string) error {
	dir, err := os.MkdirTemp("", "sarif")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	broken := filepath.Join(dir, "broken.sarif")
	if err := spoil(files[0], broken); err != nil {
		return err
	}
	found, _, err := validate(tool, broken, dir)
	if err != nil {
		return err
	}
	for _, rule := range []string{"GH1005", "GH1007"} {
		if found[rule] == 0 {
			return fmt.Errorf("the validator does not find what is wrong on purpose: %s is not in %v", rule, found)
		}
	}
	for _, file := range files {
		found, said, err := validate(tool, file, dir)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s: the validator finds %v\n%s", file, found, said)
		}
		fmt.Println(file, "is accepted")
	}
	return nil
}

// spoil writes a document with an absolute location and a message that is no text.
func spoil(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	doc["runs"].([]any)[0].(map[string]any)["results"] = []any{map[string]any{
		"message": map[string]any{"id": "x", "arguments": []any{"y"}},
		"locations": []any{map[string]any{"physicalLocation": map[string]any{
			"artifactLocation": map[string]any{"uri": "k8s://a/b"}, "region": map[string]any{"startLine": 1},
		}}},
	}}
	if b, err = json.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// validate counts errors and warnings by rule, and returns what was said of them.
func validate(tool, file, dir string) (found map[string]int, said []byte, err error) {
	out := filepath.Join(dir, "out.sarif")
	cmd := exec.Command(tool, "validate", file, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning",
		"--config", filepath.Join("sarif", "strict.xml"), "--output", out, "--quiet", "--log", "ForceOverwrite")
	cmd.Env = append(os.Environ(), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1") // no ICU is needed then
	said, err = cmd.CombinedOutput()
	if err != nil {
		return nil, said, fmt.Errorf("run the validator: %w\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return nil, said, fmt.Errorf("%w\n%s", err, said)
	}
	var doc struct {
		Runs []struct {
			Results     []struct{ RuleID, Level string }
			Invocations []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []struct{ Level string }
			}
		}
	}
	if err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\ufeff")), &doc); err != nil {
		return nil, said, fmt.Errorf("read what the validator wrote: %w", err)
	}
	found = map[string]int{}
	for _, run := range doc.Runs {
		for _, r := range run.Results {
			if r.Level != "note" && r.Level != "none" {
				found[r.RuleID]++
			}
		}
		for _, i := range run.Invocations {
			for _, n := range i.ToolExecutionNotifications {
				if n.Level == "error" || !i.ExecutionSuccessful {
					found["the validator itself"]++
				}
			}
		}
	}
	return found, said, nil
}
