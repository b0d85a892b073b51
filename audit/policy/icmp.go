package policy

import "strconv"

// icmps reads the ICMP types of one entry (cilium pkg/policy/api/icmp.go). A
// type is a number or a name that belongs to the address family; codes can't
// be told apart.
func (r *reader) icmps(f field) []portRule {
	f.object("fields")
	fields := f.at("fields").items()
	if len(fields) > maxPorts {
		f.reject("expected at most %d types, found %d", maxPorts, len(fields))
	}
	if !r.settings.icmp {
		f.reject("icmps need enable-icmp-rules")
	}
	var out []portRule
	for _, item := range fields {
		item.object("family", "type")
		p, names := portRule{protocols: icmp4}, icmp4Types()
		switch family := item.at("family"); family.text() {
		case "", "IPv4":
		case "IPv6":
			p.protocols, names = icmp6, icmp6Types()
		default:
			family.reject("expected IPv4 or IPv6, found %s", describe(family.value))
		}
		n := icmpType(item.at("type"), names)
		// Zero stands for every port in Cilium's maps, and so for every type.
		p.first, p.all = n, n == 0
		out = append(out, p)
	}
	return out
}

func icmpType(f field, names map[string]uint16) uint16 {
	if name, ok := f.value.(string); ok {
		if n, known := names[name]; known {
			return n
		}
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil {
			f.reject("there is no ICMP type %q in this family", clip(name))
		}
		return uint16(n)
	}
	n, ok := f.number(0, 255)
	if !ok {
		f.expected("an ICMP type")
	}
	return uint16(n)
}

func icmp4Types() map[string]uint16 {
	return map[string]uint16{
		"EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8, "EchoRequest": 8,
		"RouterAdvertisement": 9, "RouterSelection": 10, "TimeExceeded": 11, "ParameterProblem": 12,
		"Timestamp": 13, "TimestampReply": 14, "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEchoReply": 43,
	}
}

func icmp6Types() map[string]uint16 {
	return map[string]uint16{
		"DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3, "ParameterProblem": 4,
		"EchoRequest": 128, "EchoReply": 129, "MulticastListenerQuery": 130, "MulticastListenerReport": 131,
		"MulticastListenerDone": 132, "RouterSolicitation": 133, "RouterAdvertisement": 134,
		"NeighborSolicitation": 135, "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138,
		"ICMPNodeInformationQuery": 139, "ICMPNodeInformationResponse": 140,
		"InverseNeighborDiscoverySolicitation": 141, "InverseNeighborDiscoveryAdvertisement": 142,
		"HomeAgentAddressDiscoveryRequest": 144, "HomeAgentAddressDiscoveryReply": 145,
		"MobilePrefixSolicitation": 146, "MobilePrefixAdvertisement": 147,
		"DuplicateAddressRequestCodeSuffix": 157, "DuplicateAddressConfirmationCodeSuffix": 158,
		"ExtendedEchoRequest": 160, "ExtendedEchoReply": 161,
	}
}
