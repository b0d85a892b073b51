package suggest

import (
	"errors"
	"strings"

	"github.com/segproof/segproof/audit"
)

var errNoRequest = errors.New("no refused request was kept that a wider path would let pass")

// A refusal is a request that a proxy refused, as it may be asked about again.
type refusal struct {
	audit.Query
	path string
}

// widenPaths appends to paths that match only themselves what was refused below
// them.
func (w *work) widenPaths(f *audit.Finding) (*proposal, error) {
	refused := w.refusals(f)
	if len(refused) == 0 {
		return nil, errNoRequest
	}
	t, err := w.rewrite(f, func(_ *audit.Object, spec map[string]any) bool {
		rules, _ := spec[string(f.Direction)].([]any)
		changed := false
		for _, ref := range f.Policies {
			if i, ok := place(ref.Rule, string(f.Direction)); ok && i < len(rules) {
				changed = widenIn(rules[i], refused) || changed
			}
		}
		return changed
	})
	if err != nil {
		return nil, err
	}
	p := t.proposal("")
	for _, r := range refused {
		if t.after.Decide(r.Query).Answer == audit.Allow {
			p.opens = append(p.opens, string(f.Direction)+" of "+r.Subject.Ref().String()+": "+r.HTTP.Method+" "+r.path+", and what else begins so")
		}
	}
	if p.opens = union(p.opens, nil); len(p.opens) == 0 {
		return nil, errSame
	}
	if more := len(p.opens) - mostOpens; more > 0 {
		p.opens = append(p.opens[:mostOpens], "and more requests of the kind")
	}
	return p, nil
}

// refusals are the HTTP requests that the policy of a finding refused.
func (w *work) refusals(f *audit.Finding) []refusal {
	var out []refusal
	if w.traffic == nil {
		return nil
	}
	for i := range w.traffic.Conversations {
		c := &w.traffic.Conversations[i]
		if c.Event != audit.L7 || c.Verdict != audit.Dropped || c.Direction != f.Direction {
			continue
		}
		for _, r := range c.Requests {
			if r.Kind != audit.HTTPRequest || r.Path == "" {
				continue
			}
			q := queryOf(c, c.Direction)
			q.Protocol, q.HTTP = audit.TCP, &audit.HTTP{Method: r.Method, Path: r.Path, Host: r.Host}
			if w.engine.Decide(q).Reason == audit.L7Denied {
				out = append(out, refusal{q, r.Path})
			}
		}
	}
	return out
}

// widenIn widens the paths of one rule.
func widenIn(rule any, refused []refusal) bool {
	changed := false
	ports, _ := sub(rule, "toPorts").([]any)
	for _, p := range ports {
		https, _ := sub(sub(p, "rules"), "http").([]any)
		for _, h := range https {
			m, _ := h.(map[string]any)
			path, _ := m["path"].(string)
			if wider := widened(path, refused); wider != "" {
				m["path"], changed = wider, true
			}
		}
	}
	return changed
}

func sub(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

// widened is a path that lets pass what was refused below it; "" if nothing was.
// Where only the query string differed, only that is let pass.
func widened(path string, refused []refusal) string {
	plain := strings.TrimSuffix(strings.TrimPrefix(path, "^"), "$")
	if plain == "" || strings.ContainsAny(plain, `*+?()[]{}|\^$`) {
		return ""
	}
	ending := ""
	for _, r := range refused {
		rest, ok := strings.CutPrefix(r.path, plain)
		switch {
		case !ok || rest == "":
		case strings.HasSuffix(plain, "/"):
			return plain + ".*"
		case rest[0] == '/':
			return plain + "([/?].*)?"
		case rest[0] == '?':
			ending = `(\?.*)?`
		}
	}
	if ending == "" {
		return ""
	}
	return plain + ending
}
