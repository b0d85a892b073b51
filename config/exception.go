package config

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// An Exception accepts findings. What it leaves empty matches everything.
type Exception struct {
	Rule        string // id or name
	Fingerprint string
	Subject     Subject
	Reason      string
	Expires     time.Time // zero: never
	Line        int
}

// Subject is the object that a finding is about.
type Subject struct {
	Kind, Namespace, Name string
}

func (d *decoder) exceptions(to *[]Exception) func(string, *yaml.Node) {
	return each(d, to, func(e *Exception, line int) fields {
		e.Line = line
		return fields{
			"rule":        d.text(&e.Rule),
			"fingerprint": d.fingerprint(&e.Fingerprint),
			"subject": d.section(fields{
				"kind":      d.text(&e.Subject.Kind),
				"namespace": d.text(&e.Subject.Namespace),
				"name":      d.text(&e.Subject.Name),
			}),
			"reason":  d.text(&e.Reason),
			"expires": d.date(&e.Expires),
		}
	})
}

// checkExceptions refuses what would accept everything, or for no reason.
func (d *decoder) checkExceptions(all []Exception) {
	for i, e := range all {
		at := "exceptions[" + strconv.Itoa(i) + "]"
		if e.Reason == "" {
			d.errorf(e.Line, "%s: reason is missing, expected why the findings are accepted", at)
		}
		if e.Rule == "" && e.Fingerprint == "" && e.Subject == (Subject{}) {
			d.errorf(e.Line, "%s accepts every finding, expected at least one of rule, fingerprint and subject", at)
		}
	}
}
