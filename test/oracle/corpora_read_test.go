package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A table is a list of complete states, each with what is expected of it.
type table struct {
	Name  string
	Steps []step
}

type step struct {
	Namespaces map[string]map[string]string
	Pods       []struct {
		Namespace, Name, IP, ServiceAccount string
		Labels                              map[string]string
		HostNetwork                         bool
		Ports                               []audit.NamedPort
	}
	Policies []object
	Expect   []expectation
}

// An expectation is one connection: allowed or not at each end, or as a whole.
type expectation struct {
	From, To        string // namespace/pod, or an address
	ToKind, ToDNS   string
	Protocol        string
	Port, ICMPType  uint16
	Ingress, Egress *bool
	Allowed         *bool
	DropAt, Reason  string
	HTTP            *struct {
		audit.HTTP
		Scheme string
	}
}

// readTables reads the tables of one folder, in the order of their names.
func readTables(folder string) ([]table, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []table
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var t table
		if err := json.Unmarshal(text, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// cluster turns a step into ends. Those that an expectation names beside the
// pods, by address, are added; places says where each name is found.
func (s *step) cluster() (c *cluster, places map[string]int) {
	c, places = &cluster{}, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(s.Namespaces)) {
		c.namespaces = append(c.namespaces, audit.Namespace{Name: name, Labels: s.Namespaces[name]})
	}
	add := func(e end, names ...string) {
		for _, name := range names {
			places[name] = len(c.ends)
		}
		c.ends = append(c.ends, e)
	}
	for _, p := range s.Pods {
		e := end{name: p.Namespace + "/" + p.Name}
		if e.ip, _ = netip.ParseAddr(p.IP); p.HostNetwork {
			e.entity = "remote-node"
		} else {
			e.pod = &audit.Pod{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, ServiceAccount: p.ServiceAccount, Ports: p.Ports}
			i := slices.IndexFunc(c.namespaces, func(ns audit.Namespace) bool { return ns.Name == p.Namespace })
			e.namespace = &c.namespaces[i]
		}
		add(e, e.name, p.IP)
	}
	for _, x := range s.Expect {
		for _, name := range []string{x.From, x.To} {
			if _, known := places[name]; known {
				continue
			}
			e := end{name: name}
			switch {
			case x.ToKind == "host" && name == x.To:
				e.entity = "host"
			default:
				e.ip, _ = netip.ParseAddr(name)
				if x.ToDNS != "" && name == x.To {
					// Cilium labels what it learnt with the selector, which may end with a dot.
					e.labels = []string{"fqdn:" + x.ToDNS, "fqdn:" + strings.TrimSuffix(x.ToDNS, ".")}
				}
			}
			add(e, name)
		}
	}
	return c, places
}

// question is what the expectation comes to at one of its ends.
func (x *expectation) question(places map[string]int, d audit.Direction) question {
	q := question{subject: places[x.From], peer: places[x.To], direction: d, protocol: audit.Protocol(x.Protocol), port: x.Port}
	if d == audit.Ingress {
		q.subject, q.peer = q.peer, q.subject
	}
	if x.Protocol == "ICMP" {
		q.protocol, q.port = audit.ICMPv4, x.ICMPType
	}
	return q
}

// request is what a proxy would see: nothing of what is encrypted.
func (x *expectation) request() *audit.HTTP {
	if x.HTTP == nil || x.HTTP.Scheme == "https" {
		return nil
	}
	return &x.HTTP.HTTP
}
