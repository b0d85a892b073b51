package sarif

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/owenrumney/go-sarif/v2/sarif"
)

// opening is how every document begins, by which it is known again.
const opening = `{"$schema":"` + schema + `","version":"` + string(sarif.Version210) + `","properties":{"writtenBy":"segproof"}`

// WriteTo writes the document, one result a line, so that memory is bounded by
// the largest result and two documents can be compared with line tools. There is
// no null in it: go-sarif has required-looking fields that it writes as null, and
// GitHub refuses the whole file for one of them.
func (d part) WriteTo(w io.Writer) (int64, error) {
	b := bufio.NewWriterSize(w, 64<<10)
	p := &printer{w: b}
	p.print(opening + `,"runs":[`)
	head := bytes.TrimSuffix(p.marshal(d.head(d.n)), []byte("}")) // its results are a null, so they are dropped here
	p.print(string(head) + `,"results":[`)
	d.results(p, mostBytes-len(head))
	p.print("]}\n")
	if p.err == nil {
		p.err = b.Flush()
	}
	return p.n, p.err
}

// results writes the results, and then the texts that fit into what room is left.
func (d part) results(p *printer, room int) {
	groups := d.parts[d.n]
	var suppressed bool
	for _, i := range groups {
		suppressed = suppressed || d.groups[i].accepted()
	}
	texts := &artifacts{index: map[string]int{}, room: maxContents}
	if d.split {
		texts.room = max(0, min(maxContents, room-d.weight(groups)))
	}
	for n, i := range groups {
		if n > 0 {
			p.print(",")
		}
		p.print("\n")
		r := d.result(&d.groups[i])
		texts.embed(d.at, &d.groups[i], r)
		b := p.marshal(r)
		if suppressed && r.Suppressions == nil {
			// Absent would mean that nobody knows; go-sarif can't write an empty list.
			b = append(bytes.TrimSuffix(b, []byte("}")), `,"suppressions":[]}`...)
		}
		p.print(string(b))
	}
	p.print("]")
	if len(texts.list) > 0 {
		p.print(`,"artifacts":`)
		p.value(texts.list)
	}
	p.print("}")
}

// A printer keeps the first error, and counts.
type printer struct {
	w   io.Writer
	n   int64
	err error
	buf bytes.Buffer // of the last value
}

func (p *printer) print(s string) {
	if p.err == nil {
		var n int
		n, p.err = io.WriteString(p.w, s)
		p.n += int64(n)
	}
}

func (p *printer) value(v any) { p.print(string(p.marshal(v))) }

// marshal writes JSON without nulls and without a final newline. It is valid
// until the next call.
func (p *printer) marshal(v any) []byte {
	p.buf.Reset()
	b, err := compactTo(&p.buf, v)
	if err == nil && bytes.Contains(b, []byte("null")) {
		b, err = withoutNulls(b)
	}
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("encode: %w", err)
	}
	return b
}

func compact(v any) ([]byte, error) { return compactTo(new(bytes.Buffer), v) }

func compactTo(b *bytes.Buffer, v any) ([]byte, error) {
	e := json.NewEncoder(b)
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
