package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/owenrumney/go-sarif/v2/sarif"
)

// encode writes a document, one result a line, so that memory is bounded by the
// largest result and two documents can be compared with line tools. There is no
// null in it: go-sarif has required-looking fields that it writes as null, and
// GitHub refuses the whole file for one of them.
func encode(w io.Writer, doc *sarif.Report) error {
	p := &printer{w: w}
	p.print(`{"$schema":`)
	p.value(doc.Schema)
	p.print(`,"version":`)
	p.value(doc.Version)
	p.print(`,"runs":[`)
	for i, run := range doc.Runs {
		if i > 0 {
			p.print(",")
		}
		head := *run
		head.Results = nil // a null, so it is dropped here and written below
		b := p.marshal(head)
		p.print(string(bytes.TrimSuffix(b, []byte("}"))) + `,"results":[`)
		for n, r := range run.Results {
			if n > 0 {
				p.print(",")
			}
			p.print("\n")
			p.value(r)
		}
		p.print("]}")
	}
	p.print("]}\n")
	return p.err
}

// A printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) print(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

func (p *printer) value(v any) { p.print(string(p.marshal(v))) }

// marshal writes JSON without nulls and without a final newline.
func (p *printer) marshal(v any) []byte {
	b, err := compact(v)
	if err == nil && bytes.Contains(b, []byte("null")) {
		b, err = withoutNulls(b)
	}
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("encode: %w", err)
	}
	return b
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func withoutNulls(b []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return compact(prune(v))
}

// prune drops members and elements that are null.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				v[k] = prune(x)
			}
		}
	case []any:
		kept := v[:0]
		for _, x := range v {
			if x != nil {
				kept = append(kept, prune(x))
			}
		}
		return kept
	}
	return v
}
