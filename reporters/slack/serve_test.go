package slack

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// serve runs a server in memory, without a real network, so that it can also
// run in a bubble of synctest. Every name leads to it.
func serve(t *testing.T, h http.Handler) *http.Client {
	l := listener{conns: make(chan net.Conn)}
	l.ctx, l.end = context.WithCancel(context.Background())
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case l.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	server.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return &http.Client{Transport: transport}
}

type listener struct {
	conns chan net.Conn
	ctx   context.Context
	end   context.CancelFunc
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error {
	l.end()
	return nil
}

func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
