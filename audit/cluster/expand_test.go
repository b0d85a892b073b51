package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sigsjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// ours decodes the only object of a document.
func ours(text string) (any, error) {
	d := document{line: 1, text: []byte(text)}
	n, err := parseYAML(d.text, 1)
	if err != nil {
		return nil, err
	}
	var x expander
	x.document()
	return (&item{line: n.Line, node: n}).value(&x)
}

// kubectls decodes it as kubectl does.
func kubectls(text string) (v any, err error) {
	b, err := sigsyaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		err = sigsjson.UnmarshalCaseSensitivePreserveInts(b, &v)
	}
	return v, err
}

func TestScalarsMeanWhatTheyMeanToKubectl(t *testing.T) {
	for _, s := range []string{
		"yes", "no", "on", "off", "y", "n", "Yes", "TRUE", "true", "False", "nope", "yesterday", `"yes"`, "'no'", "!!str yes", "!!int 3",
		"", "~", "null", "Null", "nil", "0", "-0", "+1", "8080", "0777", "08", "0o17", "0x1F", "0b101", "1_000", "-12", "9223372036854775807",
		"9223372036854775808", "1.5", "80.0", "1e3", ".5", "1.", "1.2.3.4", "10.0.0.0/8", "2026-11-22", "2026-11-22T22:42:04Z", "1:30", "12:30:45",
		"-", "--- x", "=", "<<", "a b", "1 2", "|\n    x\n", ">-\n    x\n    y\n", "n\n    o", "e3", "-x", "+", ".", "0.", "::1", "fe80::1", "1Gi", "100m",
		"!custom 3", "$x", "(a)", "+x", "-.5", "0.5.1", "n1", "Off", "nUlL", "2026-11-22 10:00:00", "1_0.5", "0x", "0b2", "1e", "-0x1F", "!!binary aGk=", "'<<'", "\"\\u00e9\"",
	} {
		text := "v: " + s + "\nw: [" + strings.ReplaceAll(s, "\n", " ") + "]\n"
		if strings.ContainsAny(s, "|>=") || s == "-" || strings.HasPrefix(s, "---") {
			text = "v: " + s + "\n"
		}
		want, wantErr := kubectls(text)
		got, err := ours(text)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%q: got error %v, kubectl has %v", s, err, wantErr)
			continue
		}
		if d := cmp.Diff(want, got); d != "" && err == nil {
			t.Errorf("%q: %s", s, d)
		}
	}
}

func TestAnchorsAndMergesAreWrittenOut(t *testing.T) {
	const text = `
base: &base {a: 1, b: [x, z]}
more: &more {b: over, c: 3}
one: {<<: *base, a: 2}
two:
  <<: [*more, *base]
  d: *base
*more : key
8080: number
yes: boolean
`
	want := map[string]any{
		"base": map[string]any{"a": int64(1), "b": []any{"x", "z"}},
		"more": map[string]any{"b": "over", "c": int64(3)},
		"one":  map[string]any{"a": int64(2), "b": []any{"x", "z"}},
		"two": map[string]any{
			"a": int64(1), "b": "over", "c": int64(3),
			"d": map[string]any{"a": int64(1), "b": []any{"x", "z"}},
		},
		"8080": "number", "true": "boolean",
	}
	got, err := ours(strings.Replace(text, "*more : key\n", "", 1))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
	if _, err := ours(text); err == nil {
		t.Error("a mapping must not serve as a key")
	}
	for _, bad := range []string{"a: &a 1\nb: {<<: *a}\n", "a: &a {<<: *a}\n", "? [x]\n: y\n", "~: x\n", "x: .nan\n", "x: !!int y\n"} {
		if v, err := ours(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, v)
		}
	}
}

func TestAliasBombsAreStopped(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	began := time.Now()
	_, err := ours(bomb.String())
	if m, ok := errors.AsType[*mistake](err); !ok || !strings.Contains(m.text, "aliases expand to too much") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	// Many small bombs are one large one.
	var x expander
	for i := 0; ; i++ {
		n, err := parseYAML([]byte("a: &a ["+strings.Repeat("x,", 9_000)+"]\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"), 1)
		if err != nil {
			t.Fatal(err)
		}
		x.document()
		if _, err = x.value(n); err != nil {
			break
		}
		if i > maxAliased/80_000 {
			t.Fatal("all documents together are not bounded")
		}
	}
}

// FuzzYAML holds our reading of a document against kubectl's: where both read
// it, they read the same.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		policy, "a: {<<: &x {b: 1}, c: *x}\n", "- 1\n- [a, {b: c}]\n", "? a\n: b\n", "a: |\n  x\n  y\nb: >-\n  z\n", "%YAML 1.1\n---\na: 0777\n",
		"!!map {a: !!str 1}", "a: 'it''s'\n", "{\"a\": [1, 2.5, null, true]}", "a: &b\nc: *b\n", "\"\\ud83d\\ude00\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ours(text)
		if m, ok := errors.AsType[*mistake](err); ok && (m.line < 1 || m.line > strings.Count(text, "\n")+1) {
			t.Errorf("line %d of a text of %d: %v", m.line, strings.Count(text, "\n")+1, err)
		}
		want, wantErr := kubectls(text)
		if err != nil || wantErr != nil || strings.Contains(text, "!") { // the two parsers differ on a lone "!"
			return
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("got  %s\nwant %s", a, b)
		}
	})
}

// FuzzManifests shows that no input makes the reading panic, or name a line
// that is not there.
func FuzzManifests(f *testing.F) {
	for _, s := range []string{
		policy, "---\n...\n---\n", "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{}]}", "kind: PodList\napiVersion: v1\nitems: [{metadata: {name: x}}]\n",
		"apiVersion: wgpolicyk8s.io/v1alpha2\nkind: PolicyReport\nmetadata: {name: x}\nresults: [{result: fail, timestamp: {seconds: 1e30}}, 3]\n",
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x, creationTimestamp: y}\n", "\ufeff---\r\na: b\r\n", "{\"a\":1}{\"b\":",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		inv, err := (&Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(text)}).Inventory(t.Context())
		if err != nil {
			return
		}
		last := bytes.Count(text, []byte("\n")) + 1
		for _, p := range inv.Problems {
			if p.Line < 0 || p.Line > last && !bytes.HasPrefix(text, []byte{0xff, 0xfe}) && !bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
				t.Errorf("%v: there are %d lines", p, last)
			}
		}
		if _, err := json.Marshal(inv); err != nil {
			t.Error(err)
		}
	})
}
