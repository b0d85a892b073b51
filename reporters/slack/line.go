package slack

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/segproof/segproof/audit"
)

const maxAnswer = 4 << 20 // bytes; a page of history has a hundred whole messages

// A line to Slack sends one request, and returns the body of an answer 200.
// Everything else is an Error, which knows whether the request can have been
// taken. No secret comes back through it.
type line struct {
	http  *http.Client
	scrub func(string) string
}

func newLine(o Options) line {
	c := http.Client{}
	if o.HTTPClient != nil {
		c = *o.HTTPClient
	}
	if o.Timeout > 0 {
		c.Timeout = o.Timeout
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	// A redirect would carry the secret to who knows whom.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return line{&c, o.scrub}
}

func (l line) send(req *http.Request) (body []byte, header http.Header, err error) {
	var connected atomic.Bool // without a connection nothing was sent
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := l.http.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, nil, l.failure(req.Context(), err, connected.Load())
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	body = []byte(l.scrub(string(body)))
	if resp.StatusCode != http.StatusOK {
		return nil, nil, status(resp, body)
	}
	if err != nil {
		return nil, nil, l.failure(req.Context(), err, true)
	}
	return body, resp.Header, nil
}

// failure explains why there is no answer.
func (l line) failure(ctx context.Context, err error, connected bool) *Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // u shows the webhook's address
	}
	if ctx.Err() != nil {
		e := asError(ctx.Err())
		e.unsure = connected
		return e
	}
	e := &Error{what: audit.Clean(l.scrub(err.Error())), temporary: !connected, hint: "check the network policies and the proxy for connections to Slack"}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		e.what = "no answer within " + l.http.Timeout.String()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.temporary = false
	}
	e.unsure = connected
	return e
}

// status explains an answer that is not 200. Slack refuses with 429 before it
// takes a message, and 503 is said by who has nobody to hand the request to.
// Behind 500, 502 and 504 the message may have been taken.
func status(resp *http.Response, body []byte) *Error {
	code := resp.StatusCode
	name := strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code)) // resp.Status is the other side's wording
	switch {
	case code == http.StatusTooManyRequests:
		e := refusal("ratelimited")
		e.wait = retryAfter(resp)
		return e
	case code == http.StatusServiceUnavailable:
		return &Error{what: "answer " + name, temporary: true, wait: retryAfter(resp), hint: "try again later"}
	case word.Match(bytes.TrimSpace(body)):
		return refusal(string(bytes.TrimSpace(body)))
	default:
		e := &Error{what: "answer " + name + quoted(body)}
		e.unsure = code >= 500
		return e
	}
}

func retryAfter(resp *http.Response) time.Duration {
	s, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(s) * time.Second
}

// scrub takes the secrets out of a text, in each way in which they are sent or
// could come back.
func (o Options) scrub(s string) string {
	secrets := []string{string(o.Token), string(o.AppToken), string(o.WebhookURL)}
	if u, err := url.Parse(string(o.WebhookURL)); err == nil && len(u.Path) > 1 {
		secrets = append(secrets, u.RequestURI(), u.Path, path.Base(u.Path))
	}
	for _, secret := range secrets {
		if len(secret) > 4 {
			s = strings.NewReplacer(secret, hidden, url.QueryEscape(secret), hidden, strings.ReplaceAll(secret, "/", `\/`), hidden).Replace(s)
		}
	}
	return s
}
