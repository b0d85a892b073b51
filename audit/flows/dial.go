package flows

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// TLSOptions name the files for TLS. With a CA or the scheme tls:// the server
// must prove who it is; with a certificate and its key we do too.
type TLSOptions struct {
	CA         string // PEM; the system's authorities if empty
	Cert, Key  string // PEM
	ServerName string // that the server's certificate must bear, if not the address
}

const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 10 * time.Second
	maxMessage    = 64 << 20
	readBuffer    = 256 << 10 // a hundred flows with one call to the system

	// Servers hang up on a client that pings more often than every five minutes,
	// unless told otherwise. TCP's own keepalive finds a dead peer sooner, and no
	// server minds it.
	pingEvery   = 6 * time.Minute
	pingTimeout = 20 * time.Second
)

// A dialer connects to one address, and remembers why it could not: the errors
// that gRPC passes on are mere text.
type dialer struct {
	address string      // as given
	network string      // tcp or unix
	target  string      // host:port or a path
	tls     *tls.Config // nil for plaintext

	mu  sync.Mutex
	err error // the last one of connecting
}

func newDialer(address string, options TLSOptions) (*dialer, error) {
	d := &dialer{address: address, network: "tcp"}
	target, secure := strings.CutPrefix(address, "tls://")
	if path, ok := strings.CutPrefix(target, "unix://"); ok {
		d.network, d.target = "unix", path
	} else if _, _, err := net.SplitHostPort(target); err != nil {
		return nil, fmt.Errorf("hubble %q: expected host:port, unix:///path or tls://host:port\nfor example --hubble localhost:4245", address)
	} else {
		d.target = target
	}
	if !secure && options == (TLSOptions{}) {
		return d, nil
	}
	config, err := options.config(d.host())
	if err != nil {
		return nil, fmt.Errorf("hubble %s: %w", address, err)
	}
	d.tls = config
	return d, nil
}

func (d *dialer) host() string {
	host, _, err := net.SplitHostPort(d.target)
	if err != nil {
		return "localhost"
	}
	return host
}

// config reads the files.
func (o TLSOptions) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if o.ServerName != "" {
		c.ServerName = o.ServerName
	}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read CA certificate: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA certificate: %s: no PEM certificate in it", o.CA)
		}
	}
	if (o.Cert == "") != (o.Key == "") {
		return nil, errors.New("a client certificate and its key belong together, only one was given\ngive both --hubble-tls-cert and --hubble-tls-key")
	}
	if o.Cert == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("read client certificate %s and its key: %w", o.Cert, err)
	}
	if until := pair.Leaf.NotAfter; time.Now().After(until) {
		return nil, fmt.Errorf("client certificate %s has expired on %s\nissue a new one", o.Cert, day(until))
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// client makes a connection, which is opened at first use.
func (d *dialer) client() (*grpc.ClientConn, error) {
	var c credentials.TransportCredentials = insecure.NewCredentials()
	authority := d.host()
	if d.tls != nil {
		c = &watched{credentials.NewTLS(d.tls), d}
		authority = d.tls.ServerName
	}
	// The address is not gRPC's to resolve, so that the reason why it can't be
	// is ours to tell.
	return grpc.NewClient("passthrough:///hubble",
		grpc.WithTransportCredentials(c),
		grpc.WithAuthority(authority),
		grpc.WithContextDialer(d.dial),
		grpc.WithUserAgent("segproof"),
		grpc.WithReadBufferSize(readBuffer),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	)
}

func (d *dialer) dial(ctx context.Context, _ string) (net.Conn, error) {
	dial := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	conn, err := dial.DialContext(ctx, d.network, d.target)
	d.remember(err)
	return conn, err
}

func (d *dialer) remember(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *dialer) last() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// watched credentials remember why a handshake went wrong.
type watched struct {
	credentials.TransportCredentials
	dialer *dialer
}

func (w *watched) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, conn)
	w.dialer.remember(err)
	return conn, info, err
}

func (w *watched) Clone() credentials.TransportCredentials {
	return &watched{w.TransportCredentials.Clone(), w.dialer}
}
