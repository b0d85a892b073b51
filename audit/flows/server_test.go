package flows

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// fake is an observer that answers each request for flows as told.
type fake struct {
	observer.UnimplementedObserverServer
	status *observer.ServerStatusResponse
	nodes  *observer.GetNodesResponse // nil on an agent
	answer func(request int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error

	mu       sync.Mutex
	requests []*observer.GetFlowsRequest
}

func (r *fake) ServerStatus(context.Context, *observer.ServerStatusRequest) (*observer.ServerStatusResponse, error) {
	return r.status, nil
}

func (r *fake) GetNodes(context.Context, *observer.GetNodesRequest) (*observer.GetNodesResponse, error) {
	if r.nodes == nil {
		return nil, status.Error(codes.Unimplemented, "GetNodes not implemented")
	}
	return r.nodes, nil
}

func (r *fake) GetFlows(q *observer.GetFlowsRequest, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
	r.mu.Lock()
	r.requests = append(r.requests, q)
	n := len(r.requests)
	r.mu.Unlock()
	return r.answer(n, s)
}

// asked returns the requests so far.
func (r *fake) asked() []*observer.GetFlowsRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// serve serves until the test ends.
func serve(t *testing.T, network, address string, r *fake, o ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if r.status == nil {
		r.status = &observer.ServerStatusResponse{}
	}
	s := grpc.NewServer(o...)
	observer.RegisterObserverServer(s, r)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func response(f *flow.Flow) *observer.GetFlowsResponse {
	return &observer.GetFlowsResponse{
		ResponseTypes: &observer.GetFlowsResponse_Flow{Flow: f}, NodeName: f.NodeName, Time: f.Time,
	}
}

// sends answers with these flows.
func sends(fs ...*flow.Flow) func(int, grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
	return func(_ int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		for _, f := range fs {
			if err := s.Send(response(f)); err != nil {
				return err
			}
		}
		return nil
	}
}

// An authority issues certificates, and writes them to files.
type authority struct {
	t      *testing.T
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	ca     string // file
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.key = a.newKey()
	template := a.template("ca")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.ca = a.write("ca.crt", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return k
}

func (a *authority) template(name string) *x509.Certificate {
	a.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.folder, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue returns the files of a new certificate and its key.
func (a *authority) issue(name string, until time.Time) (cert, key string) {
	a.t.Helper()
	template := a.template(name)
	template.NotAfter = until
	template.DNSNames = []string{name}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	k := a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".crt", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", private)
}

// server are the credentials of a server that demands, with mutual, a
// certificate of its clients.
func (a *authority) server(until time.Time, mutual bool) grpc.ServerOption {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue("relay.test", until))
	if err != nil {
		a.t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	if mutual {
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AddCert(a.cert)
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return grpc.Creds(credentials.NewTLS(c))
}
