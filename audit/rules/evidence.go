package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// EvidenceLossy finds that the observer itself missed something.
var EvidenceLossy = &audit.Rule{
	ID: "SEG701", Name: "evidence-lossy", Severity: audit.Medium, Needs: audit.Flows,
	Doc: audit.Doc{
		Title: "Flows were lost, or nodes stayed silent",
		Why:   "What was not seen proves nothing. A gap or a contradiction may hide in what was lost, and no finding counts as gone while it lasts.",
		Fix: "Raise `hubble-event-buffer-capacity` (at most 65535) or read more often; ask each silent node: `kubectl -n kube-system get pods -l k8s-app=cilium -o wide`. " +
			"Records that could not be read are named in the coverage.",
		Blind: "Hubble reports losses of its ring and queues; what the kernel dropped before or aggregated away leaves no trace.",
	},
	References: []string{"NIST 800-53 AU-5", "NIST 800-53 SI-4"},
	Check:      evidenceLossy,
}

func evidenceLossy(p *audit.Pass) {
	c := p.Seen()
	var ev []audit.Evidence
	if c.Lost > 0 {
		ev = append(ev, audit.Evidence{What: fmt.Sprintf("%d flows lost, %d read", c.Lost, c.Flows)})
	}
	if len(c.SilentNodes) > 0 {
		ev = append(ev, audit.Evidence{What: "silent nodes: " + strings.Join(c.SilentNodes, ", ")})
	}
	if c.BadRecords > 0 {
		ev = append(ev, audit.Evidence{What: fmt.Sprintf("%d records could not be read", c.BadRecords)})
	}
	if c.Folded > 0 {
		ev = append(ev, audit.Evidence{What: fmt.Sprintf("%d flows beyond the bounds of memory", c.Folded)})
	}
	if len(ev) == 0 {
		return
	}
	p.Report(audit.Finding{
		Subject: p.Cluster(), Evidence: ev,
		Message: "part of the traffic was not seen, so silence about it proves nothing",
	})
}

// EvidenceWindowShort finds that the flows cover too little time.
var EvidenceWindowShort = &audit.Rule{
	ID: "SEG702", Name: "evidence-window-short", Severity: audit.Info, Needs: audit.Flows,
	Doc: audit.Doc{
		Title: "The flows cover only a short time",
		Why:   "Hubble keeps 4,095 flows a node unless told otherwise: seconds on a busy one. What happens once an hour is not in such a window.",
		Fix:   "Listen longer (`--for 10m`), or read flows that Hubble's exporter wrote (`--flows`).",
		Blind: "The window is that of the whole cluster; a busy node may cover less of it than a quiet one. The coverage lists each.",
	},
	References: []string{"NIST 800-53 AU-11"},
	Check:      evidenceWindowShort,
}

// A window shorter than this shows only what happens all the time.
const windowShort = 10 * time.Minute

func evidenceWindowShort(p *audit.Pass) {
	c := p.Seen()
	window := c.To.Sub(c.From)
	f := audit.Finding{Subject: p.Cluster()}
	switch {
	case c.Flows == 0:
		f.Message = "no flow was seen at all, so nothing is proven of the traffic"
	case !c.Asked.IsZero() && c.From.Sub(c.Asked) > c.To.Sub(c.Asked)/2:
		f.Message = "the flows cover less than half of the time that was asked for"
	case window < windowShort:
		f.Message = "the flows cover less than ten minutes"
	default:
		return
	}
	f.Evidence = []audit.Evidence{{What: "window " + window.Round(time.Second).String(), Flows: c.Flows, First: c.From, Last: c.To}}
	p.Report(f)
}
