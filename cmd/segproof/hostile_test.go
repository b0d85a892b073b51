package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// Names that a cluster or a flow may bring: commands for a terminal, turned
// text, markup, mentions, a path, and length.
var hostileNames = []string{
	"a\x1b[31mred\x07", "pay\u202eipa", "zero\u200bwidth", "<script>alert(1)</script>", "@channel <!here> <!channel> <@U1>",
	"[x](https://evil.example)", "../../etc/passwd", "`code` *bold* \"quoted\"", strings.Repeat("n", 253), "line\nbreak\ttab",
}

func TestHostileNamesComeOutHarmlessEverywhere(t *testing.T) {
	dir := t.TempDir()
	objects, flows := hostileInput(t)
	for name, data := range map[string][]byte{"objects.json": objects, "flows.jsonl": flows} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := []string{"audit", "--manifests", filepath.Join(dir, "objects.json"), "--flows", filepath.Join(dir, "flows.jsonl"), "--cluster", hostileNames[4]}
	text := outputOf(t, in...)
	for line := range strings.SplitSeq(text, "\n") {
		harmless(t, "text", line)
	}
	if n := strings.Count(text, "SEG401"); n == 0 {
		t.Errorf("no finding came out:\n%s", text)
	}
	var sarif any
	if err := json.Unmarshal([]byte(outputOf(t, append(in, "--sarif", "-")...)), &sarif); err != nil {
		t.Fatalf("SARIF: %v", err)
	}
	walk(sarif, func(key, s string) {
		harmless(t, "sarif "+key, strings.ReplaceAll(s, "\n", ""))
		if key == "uri" && (strings.Contains(s, "..") || strings.HasPrefix(s, "/") || strings.ContainsAny(s, "<> \"`")) {
			t.Errorf("sarif uri %q", s)
		}
	})
	var slack any
	if err := json.Unmarshal([]byte(outputOf(t, append(in, "--dry-run")...)), &slack); err != nil {
		t.Fatalf("Slack: %v", err)
	}
	walk(slack, func(key, s string) {
		harmless(t, "slack "+key, strings.ReplaceAll(s, "\n", ""))
		for _, alive := range []string{"<!", "<@", "<http", "<script"} {
			if strings.Contains(s, alive) {
				t.Errorf("slack %s: %q is alive", key, alive)
			}
		}
	})
}

// hostileInput declares a default deny and shows drops between workloads of
// hostile names.
func hostileInput(t *testing.T) (objects, flows []byte) {
	t.Helper()
	items := []any{}
	var lines bytes.Buffer
	for i, name := range hostileNames {
		ns := fmt.Sprintf("ns%d%s", i, name)
		items = append(items,
			map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns, "labels": map[string]any{"team": name}}},
			map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": map[string]any{"name": name, "namespace": ns},
				"spec": map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}}},
			map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": ns},
				"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "x"}}}}})
		end := func(pod string) map[string]any {
			return map[string]any{"namespace": ns, "pod_name": pod, "labels": []any{"k8s:app=" + name, "k8s:io.kubernetes.pod.namespace=" + ns},
				"workloads": []any{map[string]any{"kind": "Deployment", "name": name}}}
		}
		for n := range 4 {
			at := fmt.Sprintf("2026-03-01T12:00:%02dZ", n*15)
			_ = json.NewEncoder(&lines).Encode(map[string]any{"node_name": name, "time": at, "flow": map[string]any{
				"time": at, "uuid": fmt.Sprint(i, n), "verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED", "traffic_direction": "INGRESS",
				"event_type": map[string]any{"type": 5}, "node_name": name, "Type": "L3_L4", "Summary": name,
				"IP":     map[string]any{"source": "10.0.0.1", "destination": "10.0.0.2"},
				"l4":     map[string]any{"TCP": map[string]any{"source_port": 40000 + n, "destination_port": 80, "flags": map[string]any{"SYN": true}}},
				"source": end(name), "destination": end("to " + name),
			}})
		}
	}
	objects, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return objects, lines.Bytes()
}

func harmless(t *testing.T, where, s string) {
	t.Helper()
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf) {
			t.Errorf("%s: rune %U in %.80q", where, r, s)
			return
		}
	}
}

// walk visits every string of a JSON document.
func walk(v any, see func(key, s string)) {
	var visit func(key string, v any)
	visit = func(key string, v any) {
		switch v := v.(type) {
		case string:
			see(key, v)
		case []any:
			for _, c := range v {
				visit(key, c)
			}
		case map[string]any:
			for k, c := range v {
				see(key, k)
				visit(k, c)
			}
		}
	}
	visit("", v)
}

func outputOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), args, streams{strings.NewReader(""), &out, &errs}); code != 0 && code != exitFound {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	harmless(t, "standard error", strings.ReplaceAll(errs.String(), "\n", ""))
	return out.String()
}
