package sarif

import (
	"time"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// maxPrints bounds the fingerprints that a result lists; findings counts all.
const maxPrints = 100

// properties carry what SARIF has no place for.
func (d *documents) properties(g *group) sarif.Properties {
	f := g.worst()
	ps := sarif.Properties{
		"locatedBy": g.by, "severity": clean(string(f.Severity)), "findings": len(g.findings), "fingerprints": prints(g.findings),
	}
	for k, v := range map[string]string{
		"owner": f.Owner, "direction": string(f.Direction), "protocol": string(f.Protocol), "namespace": f.Subject.Namespace,
		"repository": g.claim.repository, "revision": g.claim.revision, "appliedBy": g.claim.manager,
	} {
		if v != "" {
			ps[k] = limit(clean(v), 300)
		}
	}
	if f.State == audit.Back {
		ps["state"] = string(audit.Back)
	}
	if f.Peer != nil {
		ps["peer"] = limit(clean(f.Peer.String()), 600)
	}
	if f.Port != nil {
		ps["port"] = int(*f.Port) // for ICMP the type, which may be 0
	}
	if n := accepted(g.findings); n > 0 {
		ps["accepted"] = n
	}
	if d.lean {
		return ps
	}
	if names := unique(g.findings, policyNames); names != nil {
		ps["policies"] = names
	}
	if es := evidence(f.Evidence); es != nil {
		ps["evidence"] = es
	}
	return ps
}

func policyNames(f *audit.Finding) []string {
	var out []string
	for _, p := range f.Policies[:min(len(f.Policies), maxRelated)] {
		out = append(out, limit(clean(policyName(p)), 600))
	}
	return out
}

// prints are the fingerprints by which the record knows the findings.
func prints(fs []*audit.Finding) []string {
	out := []string{}
	for _, f := range fs[:min(len(fs), maxPrints)] {
		out = append(out, limit(clean(f.Fingerprint), 64))
	}
	return out
}

func accepted(fs []*audit.Finding) (n int) {
	for _, f := range fs {
		if f.Suppressed != nil {
			n++
		}
	}
	return n
}

// observation is a piece of evidence, without its samples.
type observation struct {
	What        string    `json:"what"`
	Flows       uint64    `json:"flows,omitempty"`
	Connections uint64    `json:"connections,omitempty"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
}

// evidence is the first pieces of it; the record has all.
func evidence(es []audit.Evidence) []observation {
	const most = 3
	var os []observation
	for _, e := range es[:min(len(es), most)] {
		os = append(os, observation{limit(clean(e.What), 500), e.Flows, e.Connections, e.First.UTC(), e.Last.UTC()})
	}
	return os
}
