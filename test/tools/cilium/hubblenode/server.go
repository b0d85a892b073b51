package main

import (
	"log/slog"
	"net"

	"github.com/cilium/cilium/pkg/crypto/certloader"
	"github.com/cilium/cilium/pkg/hubble/observer"
	"github.com/cilium/cilium/pkg/hubble/peer"
	"github.com/cilium/cilium/pkg/hubble/peer/serviceoption"
	"github.com/cilium/cilium/pkg/hubble/server"
	"github.com/cilium/cilium/pkg/hubble/server/serveroption"
	ciliumNode "github.com/cilium/cilium/pkg/node"
	"github.com/cilium/cilium/pkg/node/addressing"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"
)

// newServer serves the observer and the peer service, over mutual TLS where
// there is a certificate.
func newServer(log *slog.Logger, obs *observer.LocalObserverServer, o *options) (*server.Server, error) {
	nodes, port, err := nodesOf(o)
	if err != nil {
		return nil, err
	}
	peerOptions := []serviceoption.Option{serviceoption.WithHubblePort(port)}
	options := []serveroption.Option{
		serveroption.WithHealthService(), serveroption.WithObserverService(obs), serveroption.WithTCPListener(o.listen),
	}
	if o.cert == "" {
		peerOptions = append(peerOptions, serviceoption.WithoutTLSInfo())
		options = append(options, serveroption.WithInsecure())
	} else {
		config, err := certloader.NewWatchedServerConfig(log, []string{o.ca}, o.cert, o.key)
		if err != nil {
			return nil, err
		}
		options = append(options, serveroption.WithServerTLS(config))
	}
	options = append(options, serveroption.WithPeerService(peer.NewService(fixed(nodes), peerOptions...)))
	return server.NewServer(log, options...)
}

// fixed are nodes that neither come nor go.
type fixed []nodeTypes.Node

func (f fixed) Subscribe(h ciliumNode.Handler) {
	for _, n := range f {
		_ = h.NodeAdd(n)
	}
}

func (fixed) Unsubscribe(ciliumNode.Handler) {}

func node(name, cluster string, ip net.IP) nodeTypes.Node {
	return nodeTypes.Node{Name: name, Cluster: cluster, IPAddresses: []nodeTypes.Address{{Type: addressing.NodeInternalIP, IP: ip}}}
}
