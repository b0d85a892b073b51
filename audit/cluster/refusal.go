package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// unreachable is an API server that can't be read, and says what to check. The address of the server is all that it
// tells of the configuration.
func (o *Options) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read the API server: %w", context.Cause(ctx))
	}
	host := "the API server"
	if o.Config != nil {
		if u, _, urlErr := rest.DefaultServerUrlFor(o.Config); urlErr == nil {
			host += " " + u.Host
		}
	}
	hint := "check the address in the kubeconfig, the network, and that the server runs: kubectl get --raw /readyz"
	switch {
	case err == nil:
		return fmt.Errorf("%s serves no kind that is known\ncheck that it is a Kubernetes API server", host)
	case apierrors.IsUnauthorized(err):
		hint = "the credentials are not accepted; log in again, or check the token: kubectl auth whoami"
	case apierrors.IsForbidden(err):
		hint = "nothing may be listed; grant get, list and watch, and check: kubectl auth can-i --list"
	case errors.Is(err, http.ErrSchemeMismatch):
		hint = "check the address in the kubeconfig: is it http or https, and is the port right?"
	case isTLS(err):
		hint = "check certificate-authority-data in the kubeconfig, and the name or address that it uses"
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address again
	}
	return fmt.Errorf("read %s: %w\n%s", host, err, hint)
}

// oneLine is an error with its hint, for where there is one line only.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func isTLS(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return verify || unknown || host
}

// reason says in a sentence why the kind is unreadable, and what to check.
func (s *stream) reason(err error, timeout time.Duration) string {
	switch {
	case errors.Is(err, errTime):
		return fmt.Sprintf("not read within %v (%s); check that the API server is well, or allow more time", timeout.Round(time.Second), short(err))
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fmt.Sprintf("%s; check: kubectl auth can-i list %s --all-namespaces", short(err), s.kind)
	}
	return short(err)
}

// short is an error of the API server in a few words, without what it says of
// the user.
func short(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "not allowed"
	case apierrors.IsUnauthorized(err):
		return "not logged in"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
