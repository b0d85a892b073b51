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
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Hints: what to do next.
const (
	hintForward = "\nfrom outside the cluster: kubectl -n kube-system port-forward service/hubble-relay 4245:80"
	hintSocket  = "\nthe agent's socket is /var/run/cilium/hubble.sock, on each node"
	hintTLS     = "\ngive --hubble-tls-ca (and --hubble-tls-cert, --hubble-tls-key if the server asks for a certificate)"
	hintCA      = "\n--hubble-tls-ca must be the CA that signed the server's certificate"
	hintPlain   = "\nleave the TLS options and tls:// away, or ask a server that speaks TLS"
	hintMutual  = "\ngive a certificate that the server's CA signed: --hubble-tls-cert, --hubble-tls-key"
	hintName    = "\nif that is the right server, name it: --hubble-tls-server-name"
	hintRenew   = "\nrenew the server's certificate, and compare the clocks"
)

// explain says in plain words why there was no answer.
func (d *dialer) explain(ctx context.Context, err error) error {
	why, hint := d.why(ctx, err)
	return fmt.Errorf("connect to hubble %s: %s%s", d.address, why, hint)
}

func (d *dialer) why(ctx context.Context, err error) (why, hint string) {
	last := d.last()
	if why, hint := certificateFault(last); why != "" {
		return why, hint
	}
	if why, hint := d.dialFault(last); why != "" {
		return why, hint
	}
	switch code := status.Code(err); {
	case isRecordHeader(last):
		return "the server does not speak TLS, the client does", hintPlain
	case code == codes.DeadlineExceeded:
		return fmt.Sprintf("timeout: no answer within %s", answerTimeout), hintForward
	case code != codes.Unavailable:
		return reason(err), ""
	}
	if why, hint := d.probe(ctx); why != "" {
		return why, hint
	}
	if last != nil {
		return last.Error(), hintForward
	}
	return reason(err), hintForward
}

// probe tries a bare handshake, since gRPC does not tell a server that hangs up
// from one that says why: asked in plaintext, a server that speaks TLS hangs
// up; and what it thinks of a client's certificate it says only after its own
// part of the handshake, so that a write may fail before that is read.
func (d *dialer) probe(ctx context.Context) (why, hint string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	config := d.tls
	if config == nil {
		config = &tls.Config{ServerName: d.host()}
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, d.network, d.target)
	if err != nil {
		return "", ""
	}
	defer raw.Close()
	conn := tls.Client(raw, config)
	err = conn.HandshakeContext(ctx)
	if d.tls == nil {
		_, isVerification := errors.AsType[*tls.CertificateVerificationError](err)
		if err == nil || isVerification || strings.Contains(err.Error(), remoteAlert) {
			return "the server speaks TLS, the client does not", hintTLS
		}
		return "", ""
	}
	if err == nil {
		deadline, _ := ctx.Deadline()
		if err = conn.SetReadDeadline(deadline); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
	}
	return refusal(err)
}

// probeTimeout is how long a server may take to say why it hangs up.
const probeTimeout = 2 * time.Second

// remoteAlert begins what crypto/tls says of an alert of the other side, which
// it exports no type for.
const remoteAlert = "remote error: tls: "

// refusal is what a server said against the client's certificate.
func refusal(err error) (why, hint string) {
	if err == nil {
		return "", ""
	}
	_, alert, ok := strings.Cut(err.Error(), remoteAlert)
	switch {
	case !ok:
		return "", ""
	case alert == "certificate required":
		return "the server demands a client certificate", hintMutual
	}
	return "the server refuses the client's certificate: " + alert, hintMutual
}

// dialFault is why no connection could be opened.
func (d *dialer) dialFault(err error) (why, hint string) {
	hint = hintForward
	if d.network == "unix" {
		hint = hintSocket
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		return "", ""
	case isDNS && dns.IsNotFound:
		return "no such host: " + dns.Name, hint
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", hint
	case errors.Is(err, os.ErrNotExist):
		return "no such socket", hint
	case errors.Is(err, os.ErrPermission):
		return "permission denied", hint
	case isTimeout && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("timeout: no connection within %s", dialTimeout), hint
	}
	return "", ""
}

// certificateFault is why the server's certificate was not accepted.
func certificateFault(err error) (why, hint string) {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired && invalid.Cert != nil {
		if c := invalid.Cert; time.Now().Before(c.NotBefore) {
			return fmt.Sprintf("the server's certificate (%s) is not valid before %s", c.Subject, day(c.NotBefore)), hintRenew
		}
		return fmt.Sprintf("the server's certificate (%s) has expired on %s", invalid.Cert.Subject, day(invalid.Cert.NotAfter)), hintRenew
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the server's certificate is signed by an unknown authority", hintCA
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		text := err.Error()
		return "the server's certificate has another name: " + text[strings.Index(text, "x509:"):], hintName
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate is not accepted: " + invalid.Err.Error(), hintCA
	}
	return "", ""
}

func isRecordHeader(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// reason is the text of an error of gRPC without its wrapping.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
