package oracle

import "strings"

// ciliumPolicy is a CiliumNetworkPolicy or a CiliumClusterwideNetworkPolicy.
func (r *random) ciliumPolicy(name string) object {
	clusterwide := r.chance(35)
	p := object{"apiVersion": "cilium.io/v2"}
	if clusterwide {
		p["kind"], p["metadata"] = "CiliumClusterwideNetworkPolicy", object{"name": name}
	} else {
		p["kind"], p["metadata"] = "CiliumNetworkPolicy", object{"name": name, "namespace": one(r, "x", "x", "nsy")}
	}
	if r.chance(80) {
		p["spec"] = r.spec(clusterwide)
	}
	if r.chance(25) {
		p["specs"] = r.some(0, 2, func() any { return r.spec(clusterwide) })
	}
	return p
}

func (r *random) spec(clusterwide bool) object {
	spec := object{}
	switch {
	case clusterwide && r.chance(15):
		spec["nodeSelector"] = object{}
	case r.chance(50):
		spec["endpointSelector"] = object{}
	default:
		spec["endpointSelector"] = r.ciliumSelector()
	}
	if r.mistake() {
		spec["nodeSelector"] = object{}
	}
	for _, l := range []struct {
		name, peers string
		deny        bool
		percent     int
	}{
		{"ingress", "from", false, 50},
		{"ingressDeny", "from", true, 20},
		{"egress", "to", false, 50},
		{"egressDeny", "to", true, 20},
	} {
		if r.chance(l.percent) {
			spec[l.name] = r.some(0, 2, func() any { return r.ciliumRule(l.peers, l.deny) })
		}
	}
	if r.chance(30) {
		deny := object{}
		for _, direction := range []string{"ingress", "egress"} {
			if r.chance(60) {
				deny[direction] = r.chance(50)
			}
		}
		spec["enableDefaultDeny"] = deny
	}
	return spec
}

func (r *random) ciliumRule(peers string, deny bool) any {
	rule := object{}
	if r.chance(80) {
		r.addPeers(rule, peers, deny)
	}
	r.addPorts(rule, peers == "from", deny)
	if !deny && r.chance(5) {
		rule["authentication"] = object{"mode": one(r, "required", "disabled", "test-always-fail")}
	}
	return rule
}

// addPeers names peers of one kind. Naming two kinds is a mistake.
func (r *random) addPeers(rule object, prefix string, deny bool) {
	kinds := 1
	if r.mistake() {
		kinds = 2
	}
	for range kinds {
		switch r.IntN(9) {
		case 0, 1, 2:
			rule[prefix+"Endpoints"] = r.some(0, 2, r.ciliumSelector)
		case 3:
			rule[prefix+"CIDR"] = r.some(0, 2, func() any { return one(r, r.prefix(), r.prefix(), "10.9.1.1") })
		case 4:
			rule[prefix+"CIDRSet"] = r.some(0, 2, r.cidrSet)
		case 5, 6:
			rule[prefix+"Entities"] = r.some(0, 2, r.entity)
		case 7:
			if prefix == "to" && !deny {
				rule["toFQDNs"] = r.some(0, 2, r.domain)
			}
		case 8:
			if r.chance(10) { // undetermined for other nodes: their labels are not known
				rule[prefix+"Nodes"] = list{object{"matchLabels": object{"kubernetes.io/os": "linux"}}}
			}
		}
	}
}

// ciliumSelector uses every way in which Cilium lets a label be named.
func (r *random) ciliumSelector() any {
	s := object{}
	if r.chance(70) {
		labels := object{}
		for range r.IntN(3) {
			key := r.labelKey()
			labels[key] = r.labelValue(key)
		}
		s["matchLabels"] = labels
	}
	if r.chance(25) {
		s["matchExpressions"] = list{r.expression(r.labelKey())}
	}
	if r.mistake() {
		s["matchExpressions"] = list{object{"key": "a b", "operator": "Exists"}}
	}
	return s
}

func (r *random) labelKey() string {
	return one(r, "app", "app", "tier", "k8s:app", "any:app", "pod-template-hash", "host",
		"io.kubernetes.pod.namespace", "k8s:io.kubernetes.pod.namespace", "io.cilium.k8s.policy.cluster",
		"k8s:io.cilium.k8s.namespace.labels.team", "io.cilium.k8s.namespace.labels.team", "io.cilium.k8s.policy.serviceaccount",
		"reserved:host", "reserved:world", "reserved:remote-node", "reserved:health")
}

func (r *random) labelValue(key string) string {
	switch {
	case strings.HasPrefix(key, "reserved"), key == "host":
		return ""
	case strings.Contains(key, "pod.namespace"):
		return one(r, "x", "nsy")
	case strings.Contains(key, "team"):
		return "red"
	case strings.Contains(key, "cluster"):
		return one(r, ClusterName, "other")
	case strings.Contains(key, "serviceaccount"):
		return one(r, "default", "robot")
	}
	return one(r, "a", "b", "c")
}

func (r *random) cidrSet() any {
	switch {
	case r.chance(25):
		set := object{"cidrGroupRef": one(r, "near", "far")}
		if r.chance(30) {
			set["except"] = list{"10.9.1.0/24"}
		}
		return set
	case r.chance(10):
		return object{"cidrGroupSelector": object{"matchLabels": object{"group": "near"}}}
	}
	return r.addresses()
}

func (r *random) entity() any {
	if r.mistake() {
		return "nobody"
	}
	return one(r, "all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "kube-apiserver",
		"init", "ingress", "health", "unmanaged", "none", "cluster-mesh")
}

func (r *random) domain() any {
	return one(r, object{"matchName": "foo.com"}, object{"matchPattern": "*.foo.com"}, object{"matchPattern": "**.foo.com"}, object{"matchName": "bar.com"})
}
