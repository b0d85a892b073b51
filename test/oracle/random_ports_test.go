package oracle

// addPorts gives a rule of Cilium's kinds ports or ICMP types; both together
// are a mistake.
func (r *random) addPorts(rule object, ingress, deny bool) {
	if r.chance(60) {
		rule["toPorts"] = r.some(0, 2, func() any { return r.portList(ingress, deny) })
		if !r.mistake() {
			return
		}
	}
	if r.chance(30) {
		rule["icmps"] = r.some(0, 2, r.icmps)
	}
}

func (r *random) portList(ingress, deny bool) any {
	p := object{}
	proxied := !deny && r.chance(20)
	if r.chance(95) {
		p["ports"] = r.some(0, 2, func() any { return r.ciliumPort(proxied) })
	}
	if proxied {
		r.addProxy(p, ingress)
	}
	return p
}

func (r *random) ciliumPort(proxied bool) any {
	numbers := []string{"80", "443", "53", "8080", "0"}
	if r.ports {
		numbers = append(numbers, PortNames()...)
	}
	p := object{"port": one(r, numbers...)}
	if r.mistake() {
		p["port"] = one(r, "", "70000", "-", "a--b", "1234567890abcdefg")
	}
	if r.chance(50) {
		p["protocol"] = one(r, "TCP", "UDP", "SCTP", "ANY", "TCP")
	}
	switch {
	case r.mistake():
		p["protocol"] = one(r, "ICMP", "FOO")
	case r.setting.Name == "extended-protocols" && r.chance(10), r.mistake():
		p["protocol"], p["port"] = one(r, "GRE", "VRRP"), one(r, "", "0")
	}
	if r.chance(20) {
		p["endPort"] = one(r, 90, 500, 70, 9000)
	}
	if proxied {
		p["protocol"], p["port"] = "TCP", one(r, "80", "8080")
		if r.ports {
			p["port"] = "http"
		}
		if r.mistake() {
			p["port"] = "0"
		}
	}
	return p // a name with several ends is left to chance: see known_test.go
}

// addProxy sends the ports to the proxy, with rules or without.
func (r *random) addProxy(p object, ingress bool) {
	switch {
	case r.chance(10):
		p["serverNames"] = r.some(1, 2, func() any { return one(r, "foo.com", "*.foo.com", "**.foo.com", "bar.com") })
		return
	case !ingress && r.chance(30):
		p["rules"] = object{"dns": list{object{"matchPattern": "*"}}}
	default:
		p["rules"] = object{"http": one(r, list{}, list{object{}}, list{object{"path": "/a"}}, list{object{"method": "GET"}})}
	}
	if r.mistake() {
		p["rules"] = one(r, object{"http": list{object{"path": "("}}}, object{"dns": list{object{"matchName": "a"}}})
	}
}

func (r *random) icmps() any {
	m := object{}
	if r.chance(95) {
		m["fields"] = r.some(0, 2, func() any {
			return one(r, object{"type": 8}, object{"type": "EchoRequest"}, object{"type": "DestinationUnreachable"},
				object{"family": "IPv6", "type": 128}, object{"family": "IPv6", "type": "EchoRequest"},
				object{"type": 0}, object{"type": "8"}, object{"type": 3})
		})
	}
	return m
}
