package sarif

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"runtime"
	"sync"

	"github.com/segproof/segproof/audit"
)

// Limits of the consumers, as they document them.
const (
	keptResults = 5000  // GitHub keeps and GitLab takes so many of a run
	mostResults = 25000 // above, GitHub refuses the document
	mostParts   = 20    // GitHub and GitLab take so many runs at once
	mostBytes   = 9_500_000
)

// Documents are what becomes of a report, as many as there are, for whoever sends
// them somewhere: each is small enough for every dashboard, and has a category of
// its own. There are at least as many as the field Parts says, and those that
// hold nothing are documents too, or what they held stays open for ever.
func (s Reporter) Documents(r *audit.Report) []io.WriterTo {
	d := s.documents(r)
	d.divide(s.Parts)
	return d.writers()
}

// Document is the report as one document, whatever its size.
func (s Reporter) Document(r *audit.Report) io.WriterTo { return s.documents(r).writers()[0] }

func (d *documents) writers() (out []io.WriterTo) {
	for n := range d.parts {
		out = append(out, part{d, n})
	}
	return out
}

// A part is one document.
type part struct {
	*documents
	n int
}

// divide finds parts that every dashboard takes. A finding stays in its part as
// long as their number is the same. First what explains is dropped, then there
// are more parts than least; what twenty have no room for is counted, and told.
func (d *documents) divide(least int) {
	d.split = true
	least = min(max(1, least), mostParts)
	d.parts = make([][]int, least)
	room := mostBytes - d.headSize()
	full := d.sizes()
	var lean []int
	for n := least; n <= mostParts; n++ {
		parts, left := d.deal(full, n, room, false)
		if left == 0 {
			d.parts, d.weights = parts, full
			return
		}
		if lean == nil {
			d.lean = true
			lean = d.sizes()
		}
		parts, left = d.deal(lean, n, room, n == mostParts)
		if left == 0 || n == mostParts {
			d.parts, d.weights, d.left, d.lean = parts, lean, left, true
			return
		}
		d.lean = false
	}
}

// deal puts each group into the part that its id says, the worst first, and
// counts the findings that have no room. To spill is to try the other parts too;
// not to is to stop at the first that has none.
func (d *documents) deal(sizes []int, n, room int, spill bool) (parts [][]int, left int) {
	parts = make([][]int, n)
	bytes := make([]int, n)
	for i := range d.groups {
		p, tries := d.groups[i].slot(n), 1
		for ; len(parts[p]) == keptResults || bytes[p]+sizes[i] > room; p = (p + 1) % n {
			if !spill {
				return nil, 1
			}
			if tries++; tries > n {
				break
			}
		}
		if tries > n {
			left += len(d.groups[i].findings)
			continue
		}
		parts[p] = append(parts[p], i)
		bytes[p] += sizes[i]
	}
	return parts, left
}

// weight is how many bytes the results of groups have, about.
func (d *documents) weight(groups []int) (n int) {
	for _, i := range groups {
		n += d.weights[i]
	}
	return n
}

func (g *group) slot(n int) int {
	b, err := hex.DecodeString(g.id[:8])
	if err != nil {
		return 0 // an id is made of hexadecimal digits
	}
	return int(binary.BigEndian.Uint32(b) % uint32(n))
}

// sizes are the lengths of the results, with room for what depends on the part.
func (d *documents) sizes() []int {
	const slack = 40
	out := make([]int, len(d.groups))
	workers := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			p := &printer{w: io.Discard}
			for i := w; i < len(out); i += workers {
				out[i] = len(p.marshal(d.result(&d.groups[i]))) + slack
			}
		})
	}
	all.Wait()
	return out
}

// headSize is about how long a document without results is.
func (d *documents) headSize() int {
	const slack = 8 << 10 // what is told of the limits
	p := &printer{w: io.Discard}
	return len(p.marshal(d.head(0))) + slack
}
