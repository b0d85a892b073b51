package suggest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// opened is what may pass that could not, by the end that decides and the other.
type opened map[pair]map[string]bool

type pair struct {
	subject, peer audit.Ref
	direction     audit.Direction
}

const anyPort = "any port"

func (o opened) add(q *audit.Query, subject, peer audit.Ref, probe bool) {
	k := pair{subject, peer, q.Direction}
	if o[k] == nil {
		o[k] = map[string]bool{}
	}
	if probe {
		o[k][anyPort] = true
	} else {
		o[k][audit.PortName(q.Protocol, q.Port)] = true
	}
}

// mostOpens bounds the lines that are written about one change.
const mostOpens = 20

// lines are one for each connection, source first. Where everybody may pass,
// that is all that is said of it.
func (o opened) lines() []string {
	var out []string
	for k, ports := range o {
		switch {
		case k.peer.Namespace == nowhere && o.everybody(k):
			out = append(out, fmt.Sprintf("%s of %s: everybody, on any port", k.direction, k.subject))
		case o.everybody(k) || k.peer.Namespace != nowhere && o.stranger(k, ports):
		case ports[anyPort]:
			out = append(out, k.line(anyPort))
		default:
			for p := range maps.Keys(ports) {
				out = append(out, k.line(p))
			}
		}
	}
	slices.Sort(out)
	if more := len(out) - mostOpens; more > 0 {
		out = append(out[:mostOpens], fmt.Sprintf("and %d more connections", more))
	}
	return out
}

// everybody tells whether a subject is open to the world and to any pod, on any port.
func (o opened) everybody(k pair) bool {
	world := pair{k.subject, audit.Ref{Kind: "Entity", Name: "world"}, k.direction}
	return o[world][anyPort] && o[k.stranger()][anyPort]
}

// stranger tells whether any pod may do what this one may, which then need not
// be said.
func (o opened) stranger(k pair, ports map[string]bool) bool {
	whole := o[k.stranger()]
	if k.peer.Kind == "Entity" || whole == nil {
		return false
	}
	for p := range ports {
		if !whole[p] && !whole[anyPort] {
			return false
		}
	}
	return true
}

func (k pair) stranger() pair {
	return pair{k.subject, audit.Ref{Kind: "Pod", Namespace: nowhere, Name: "any"}, k.direction}
}

func (k pair) line(port string) string {
	peer := k.peer.String()
	if k.peer.Namespace == nowhere {
		peer = "any pod of any namespace"
	}
	if k.direction == audit.Egress {
		return fmt.Sprintf("%s → %s %s", k.subject, peer, port)
	}
	return fmt.Sprintf("%s → %s %s", peer, k.subject, port)
}
