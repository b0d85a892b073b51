package policy

// A portEnd is what Cilium keeps one end for: it joins all rules of a tier that
// name a port, and keeps the range of the one it reads first (cilium
// pkg/policy/l4.go, L4PolicyMap.NamedPortMap).
type portEnd struct {
	name     string
	protocol protocols
}

// ends are the bounds of the ends that rules give; 0 is none.
type ends struct{ least, most uint16 }

// findEnds gathers them, if any rule has a range that begins at a name.
func (p *plan) findEnds() {
	found := map[portEnd]ends{}
	ranges := false
	for i := range p.rules {
		for _, port := range p.rules[i].ports {
			if port.name == "" || port.alone {
				continue
			}
			ranges = ranges || port.last > 0
			for _, bit := range port.protocols.each() {
				k := portEnd{port.name, bit}
				e, known := found[k]
				if !known {
					e.least = port.last
				}
				found[k] = ends{min(e.least, port.last), max(e.most, port.last)}
			}
		}
	}
	if ranges {
		p.ends = found
	}
}
