package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// An Error says why a report is not in code scanning, in GitHub's words where it
// has some, and on a second line what to do.
type Error struct {
	Status    int // of the answer; 0 if there was none
	what      string
	hint      string
	temporary bool
	wait      time.Duration // that GitHub asks for
	ended     error         // the context's, if that ended it
}

func (e *Error) Error() string {
	s := "upload to github: " + e.what
	if e.hint != "" {
		s += "\n" + e.hint
	}
	return s
}

// Temporary tells whether trying again can help.
func (e *Error) Temporary() bool { return e.temporary }

// Unwrap returns the error of the context, if that ended the attempt.
func (e *Error) Unwrap() error { return e.ended }

const (
	attempts = 4
	maxWait  = 2 * time.Minute // between attempts; a CronJob is not to hang on
	maxBody  = 1 << 20
)

// ask sends a request, again as long as that can help, and reads the answer.
func (g *Reporter) ask(ctx context.Context, method, path string, body, to any) *Error {
	for n := 1; ; n++ {
		err := g.once(ctx, method, path, body, to)
		if err == nil || !err.temporary || n == attempts || err.wait > maxWait {
			return err
		}
		if ended := sleep(ctx, max(err.wait, time.Second<<(n-1))); ended != nil {
			ended.what = err.what + "; " + ended.what
			return ended
		}
	}
}

func (g *Reporter) once(ctx context.Context, method, path string, body, to any) *Error {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return &Error{what: "encode: " + err.Error()}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, g.API+path, bytes.NewReader(b))
	if err != nil {
		return &Error{what: "the address of the API is none"}
	}
	req.Header.Set("Authorization", "Bearer "+string(g.Token))
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-Github-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "segproof")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := g.client.Do(req)
	if err != nil {
		return g.broken(ctx, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return g.broken(ctx, err)
	}
	if answer.StatusCode/100 != 2 {
		return g.refused(answer, text)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return &Error{Status: answer.StatusCode, what: "the answer is not GitHub's", hint: "check upload.github.api and the proxy"}
	}
	return nil
}

// broken is a request that got no answer.
func (g *Reporter) broken(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return &Error{what: "gave up: " + ctx.Err().Error(), ended: ctx.Err()}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &Error{what: g.shown(err.Error()), hint: "check upload.github.api and the network", temporary: true}
}

// refused is an answer that is none of the good ones.
func (g *Reporter) refused(answer *http.Response, text []byte) *Error {
	e := &Error{Status: answer.StatusCode, what: answer.Status[:min(3, len(answer.Status))]}
	var said struct{ Message string }
	if json.Unmarshal(text, &said) == nil && said.Message != "" {
		e.what += ": " + g.shown(said.Message)
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // absent or a date: 0
	e.wait = time.Duration(max(0, min(seconds, 86400))) * time.Second
	limited := answer.Header.Get("X-Ratelimit-Remaining") == "0" || e.wait > 0
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests || code == http.StatusForbidden && limited:
		e.temporary, e.hint = true, "GitHub takes no more requests for now"
	case code >= 500:
		e.temporary = true
	case code == http.StatusUnauthorized:
		e.hint = "check that the file holds a token that is still valid"
	case code == http.StatusForbidden:
		e.hint = "the token needs the right to write security events, and the repository must have code scanning"
	case code == http.StatusNotFound:
		e.hint = "check upload.github.repository and the rights of the token"
	case code == http.StatusRequestEntityTooLarge:
		e.hint = "set sarif.parts to a higher number"
	case code/100 == 3:
		e.hint = "the repository has moved, or upload.github.api is wrong: redirects are not followed"
	}
	return e
}

// shown is what GitHub wrote, fit to be shown.
func (g *Reporter) shown(s string) string {
	s = g.Token.without(strings.TrimSpace(s))
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return audit.Clean(s)
}
