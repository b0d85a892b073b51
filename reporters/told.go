package reporters

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Bounds on what is remembered of one reporter. What is forgotten is new when
// it comes again: rather twice than never.
const (
	maxStanding = 50_000
	maxGone     = 10_000
	maxMemory   = 256 << 20 // bytes, unpacked
)

const toldVersion = 1

// A told is what a reporter was last told.
type told struct {
	Version  int             `json:"version"`
	Standing []audit.Finding `json:"standing"` // without evidence: enough to tell that they are gone
	Gone     []goneFinding   `json:"gone"`     // the latest first
}

// A goneFinding is known again by its fingerprint.
type goneFinding struct {
	Fingerprint string     `json:"fingerprint"`
	Kind        audit.Kind `json:"kind"`
	At          time.Time  `json:"at"`
}

func (m *told) encode() ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(m); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeMemory reads what was remembered; of nothing it is empty.
func decodeMemory(b []byte) (*told, error) {
	m := &told{Version: toldVersion}
	if len(b) == 0 {
		return m, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(io.LimitReader(z, maxMemory)).Decode(m); err != nil {
		return nil, err
	}
	if m.Version != toldVersion {
		return nil, fmt.Errorf("it has version %d, this segproof knows version %d", m.Version, toldVersion)
	}
	return m, nil
}

// report is the memory as a former record, to be compared with.
func (m *told) report() *audit.Report {
	r := &audit.Report{Findings: m.Standing}
	for _, g := range m.Gone {
		r.Gone = append(r.Gone, audit.Finding{Fingerprint: g.Fingerprint, Kind: g.Kind})
	}
	return r
}

// after is what is to be remembered once r was told.
func (m *told) after(r *audit.Report) *told {
	now := &told{Version: toldVersion}
	for i := range r.Findings {
		now.Standing = append(now.Standing, brief(&r.Findings[i]))
	}
	for i := range r.Gone {
		f := &r.Gone[i]
		now.Gone = append(now.Gone, goneFinding{f.Fingerprint, f.Kind, r.Run.Ended})
	}
	return m.with(now)
}

// with is what now says, and all of m that it says nothing of: what was told and
// could not be looked for since, and what went earlier.
func (m *told) with(now *told) *told {
	type key struct {
		fingerprint string
		kind        audit.Kind
	}
	settled := map[key]bool{}
	for i := range now.Standing {
		settled[key{now.Standing[i].Fingerprint, now.Standing[i].Kind}] = true
	}
	for _, g := range now.Gone {
		settled[key{g.Fingerprint, g.Kind}] = true
	}
	next := &told{Version: toldVersion, Standing: slices.Clone(now.Standing), Gone: slices.Clone(now.Gone)}
	for i := range m.Standing {
		if f := &m.Standing[i]; !settled[key{f.Fingerprint, f.Kind}] {
			next.Standing = append(next.Standing, *f)
		}
	}
	for _, g := range m.Gone {
		if !settled[key{g.Fingerprint, g.Kind}] {
			next.Gone = append(next.Gone, g)
		}
	}
	slices.SortStableFunc(next.Gone, func(a, b goneFinding) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	next.Standing = next.Standing[:min(len(next.Standing), maxStanding)]
	next.Gone = next.Gone[:min(len(next.Gone), maxGone)]
	return next
}

// brief is a finding without what only a new one needs.
func brief(f *audit.Finding) audit.Finding {
	return audit.Finding{
		ID: f.ID, Rule: f.Rule, Severity: f.Severity, Kind: f.Kind, State: f.State,
		Subject: f.Subject, Peer: f.Peer, Direction: f.Direction, Protocol: f.Protocol, Port: f.Port,
		Owner: f.Owner, Message: f.Message, Fingerprint: f.Fingerprint, Location: f.Location, LocatedBy: f.LocatedBy,
		Suppressed: f.Suppressed,
	}
}
