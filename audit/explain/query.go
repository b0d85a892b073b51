package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A Query asks about one connection. Port is the destination port that the
// source dials, or for ICMP the type.
type Query struct {
	From     End            `json:"from"`
	To       End            `json:"to"`
	Protocol audit.Protocol `json:"protocol"`
	Port     *int           `json:"port"`
	HTTP     *Request       `json:"http,omitempty"`
	DNS      string         `json:"dns,omitempty"`
	SNI      string         `json:"serverName,omitempty"` // that a TLS connection asks for
}

// An End is a pod (or the workload of that name), an address, an entity, or a
// pod that carries these labels and need not exist.
type End struct {
	Namespace string            `json:"namespace,omitempty"`
	Pod       string            `json:"pod,omitempty"`
	IP        string            `json:"ip,omitempty"`
	Entity    string            `json:"entity,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
}

// A Request is an HTTP request. No policy looks at the scheme.
type Request struct {
	audit.HTTP
	Scheme string `json:"scheme,omitempty"`
}

// String is how a person writes the end.
func (e *End) String() string {
	switch {
	case e.IP != "":
		return e.IP
	case e.Entity != "":
		return "entity:" + e.Entity
	case e.Pod != "":
		return e.Namespace + "/" + e.Pod
	}
	var ls []string
	for k, v := range e.Labels {
		ls = append(ls, k+"="+v)
	}
	slices.Sort(ls)
	return "a pod of " + e.Namespace + " with " + strings.Join(ls, ",")
}

// ParseEnd reads an end as it is written on a command line: namespace/pod, an
// address, or entity:world.
func ParseEnd(s string) (End, error) {
	if entity, ok := strings.CutPrefix(s, "entity:"); ok {
		return End{Entity: entity}, nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return End{IP: s}, nil
	}
	ns, pod, ok := strings.Cut(s, "/")
	if !ok || ns == "" || pod == "" || strings.Contains(pod, "/") {
		return End{}, fmt.Errorf("%q is no end of a connection\nexpected namespace/pod, namespace/workload, an address, or entity:world", s)
	}
	return End{Namespace: ns, Pod: pod}, nil
}

// check holds the query against what can be asked, and spells its protocol as
// Hubble does.
func (q *Query) check() error {
	for _, e := range []struct {
		name string
		*End
	}{{"from", &q.From}, {"to", &q.To}} {
		if err := e.check(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	name := q.Protocol
	if q.Protocol = protocol(string(name)); q.Protocol == "" {
		return fmt.Errorf("protocol %q: expected TCP, UDP, SCTP, ICMPv4 or ICMPv6", name)
	}
	least, most, what := 1, 65535, "a number from 1 to 65535"
	if q.Protocol == audit.ICMPv4 || q.Protocol == audit.ICMPv6 {
		least, most, what = 0, 255, "the ICMP type, from 0 to 255"
	}
	switch {
	case q.Port == nil:
		return fmt.Errorf("port is missing: expected %s", what)
	case *q.Port < least || *q.Port > most:
		return fmt.Errorf("port %d: expected %s", *q.Port, what)
	case q.HTTP != nil && q.Protocol != audit.TCP:
		return fmt.Errorf("http is asked about over TCP only, not %s", q.Protocol)
	case q.SNI != "" && q.Protocol != audit.TCP:
		return fmt.Errorf("serverName is asked about over TCP only, not %s", q.Protocol)
	case q.HTTP != nil && q.HTTP.Path != "" && !strings.HasPrefix(q.HTTP.Path, "/") && q.HTTP.Path != "*":
		return fmt.Errorf("http.path %q: expected a path that begins with /", q.HTTP.Path)
	}
	return nil
}

func protocol(name string) audit.Protocol {
	for _, p := range []audit.Protocol{audit.TCP, audit.UDP, audit.SCTP, audit.ICMPv4, audit.ICMPv6} {
		if strings.EqualFold(name, string(p)) {
			return p
		}
	}
	return ""
}

// check demands that the end is said in exactly one way.
func (e *End) check() error {
	const want = `expected {"namespace","pod"}, {"ip"}, {"entity"} or {"namespace","labels"}`
	var said []string
	for _, way := range []struct {
		name  string
		given bool
	}{{"pod", e.Pod != ""}, {"ip", e.IP != ""}, {"entity", e.Entity != ""}, {"labels", e.Labels != nil}} {
		if way.given {
			said = append(said, way.name)
		}
	}
	switch {
	case len(said) == 0 && e.Namespace == "":
		return errors.New("is missing; " + want)
	case len(said) != 1:
		return fmt.Errorf("pod, ip, entity, labels: exactly one is needed, found %d; %s", len(said), want)
	case e.Namespace == "" && (said[0] == "pod" || said[0] == "labels"):
		return errors.New("namespace is missing; " + want)
	}
	return nil
}
