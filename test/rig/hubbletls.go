package rig

import (
	"net"
	"testing"
)

// hubbleTLS are the flags and files for mutual TLS between Relay and the nodes,
// and between clients and Relay, with names as Cilium's Helm chart gives them.
// Without TLS Relay must be told so.
type hubbleTLS struct {
	node, relay []string
	client      TLSFiles
}

func newHubbleTLS(t testing.TB, cluster string) hubbleTLS {
	t.Helper()
	ca := newAuthority(t, runDir(t))
	const relayName = "*.hubble-relay.cilium.io"
	nodeName := "*." + cluster + ".hubble-grpc.cilium.io"
	node := ca.issue(t, "node", subject{name: nodeName, dns: []string{nodeName}})
	toNodes := ca.issue(t, "relay-client", subject{name: relayName, dns: []string{relayName}})
	server := ca.issue(t, "relay-server", subject{name: relayName, dns: []string{relayName}, ips: []net.IP{net.IPv4(127, 0, 0, 1)}})
	client := ca.issue(t, "client", subject{name: "segproof", dns: []string{"segproof"}})
	return hubbleTLS{
		node: []string{"-tls-cert=" + node.Cert, "-tls-key=" + node.Key, "-tls-ca=" + ca.CA},
		relay: []string{
			"--tls-hubble-client-cert-file=" + toNodes.Cert, "--tls-hubble-client-key-file=" + toNodes.Key, "--tls-hubble-server-ca-files=" + ca.CA,
			"--tls-relay-server-cert-file=" + server.Cert, "--tls-relay-server-key-file=" + server.Key, "--tls-relay-client-ca-files=" + ca.CA,
		},
		client: TLSFiles{CA: ca.CA, Cert: client.Cert, Key: client.Key, ServerName: "relay.hubble-relay.cilium.io"},
	}
}

// plain are the flags of a Relay without TLS.
func plain() []string { return []string{"--disable-client-tls", "--disable-server-tls"} }
