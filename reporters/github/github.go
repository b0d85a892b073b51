// Package github uploads reports to GitHub code scanning, and waits until GitHub
// has read them: what it does not like it says only then.
//
// # Design
//
// A document that is uploaded replaces the former one of its category at the same
// ref. So to upload again is harmless, and everything that may pass is tried
// again; and each part of a report that is split has its own category, which the
// documents bring along.
//
// The token is sent to the address that is configured and nowhere else: redirects
// are not followed. What GitHub answers is shown without it.
package github

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/segproof/segproof/audit"
)

// API is the address of github.com's API.
const API = "https://api.github.com"

// MaxUpload is how long a document may be, packed.
const MaxUpload = 10 << 20

// Options say where documents go.
type Options struct {
	Repository string // owner/name
	Ref        string // refs/heads/main, refs/tags/v1 or refs/pull/1/merge
	Commit     string // 40 hexadecimal digits
	Token      Secret // may write security events
	API        string // "" is [API]; GitHub Enterprise has its own
	Documents  func(*audit.Report) []io.WriterTo
	Transport  http.RoundTripper // nil is the default
}

// A Reporter uploads reports. It is safe for concurrent use.
type Reporter struct {
	Options
	client *http.Client
}

var (
	repository = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
	ref        = regexp.MustCompile(`^refs/(heads/.+|tags/.+|pull/[0-9]+/(merge|head))$`)
	commit     = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// New checks the options. It sends nothing.
func New(o Options) (*Reporter, error) {
	if o.API == "" {
		o.API = API
	}
	o.API = strings.TrimSuffix(o.API, "/")
	u, err := url.Parse(o.API)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("github: the address of the API is none, expected such as " + API)
	case !repository.MatchString(o.Repository):
		return nil, fmt.Errorf("github: repository is %q, expected owner/name", o.Repository)
	case !ref.MatchString(o.Ref):
		return nil, fmt.Errorf("github: ref is %q, expected refs/heads/…, refs/tags/… or refs/pull/1/merge\nset upload.github.ref, or GITHUB_REF as GitHub Actions does", o.Ref)
	case !commit.MatchString(o.Commit):
		return nil, fmt.Errorf("github: commit is %q, expected 40 hexadecimal digits\nset upload.github.commit, or GITHUB_SHA as GitHub Actions does", o.Commit)
	case o.Token == "" || strings.ContainsFunc(string(o.Token), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return nil, errors.New("github: the token is empty, or holds white space or control characters\nthe file must hold the token and nothing else")
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Reporter{o, &http.Client{Transport: o.Transport, CheckRedirect: stay, Timeout: 2 * time.Minute}}, nil
}

// Report uploads every document of a report, and waits for all. One that is
// refused keeps no other back.
func (g *Reporter) Report(ctx context.Context, r *audit.Report) error {
	var errs []error
	docs := g.Documents(r)
	for n, doc := range docs {
		if err := g.upload(ctx, doc, r.Run.Began); err != nil {
			if len(docs) > 1 {
				err.what = fmt.Sprintf("document %d of %d: %s", n+1, len(docs), err.what)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (g *Reporter) upload(ctx context.Context, doc io.WriterTo, began time.Time) *Error {
	text, size, err := pack(doc)
	if err != nil {
		return &Error{what: "pack: " + err.Error()}
	}
	if size > MaxUpload {
		return &Error{what: fmt.Sprintf("the document has %d bytes packed, and GitHub takes %d", size, MaxUpload), hint: "set sarif.parts to a higher number"}
	}
	body := map[string]string{"commit_sha": g.Commit, "ref": g.Ref, "sarif": text, "tool_name": "segproof"}
	if !began.IsZero() {
		body["started_at"] = began.UTC().Format(time.RFC3339)
	}
	var answer struct{ ID string }
	path := "/repos/" + g.Repository + "/code-scanning/sarifs"
	if err := g.ask(ctx, http.MethodPost, path, body, &answer); err != nil {
		return err
	}
	if !plainID.MatchString(answer.ID) {
		return &Error{what: "the answer names no upload", hint: "check upload.github.api: it is perhaps not GitHub who answers"}
	}
	return g.wait(ctx, path+"/"+answer.ID)
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// pack compresses a document and writes it in base64, as GitHub wants it, without
// ever holding it as it is.
func pack(doc io.WriterTo) (text string, size int, err error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := doc.WriteTo(z); err != nil {
		return "", 0, err
	}
	if err := z.Close(); err != nil {
		return "", 0, err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), b.Len(), nil
}

// longestWait is how long GitHub may take to read a document.
const longestWait = 5 * time.Minute

// wait asks until the document is read, and tells what GitHub has against it.
func (g *Reporter) wait(ctx context.Context, path string) *Error {
	for pause, waited := time.Second, time.Duration(0); ; pause = min(2*pause, 15*time.Second) {
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		waited += pause
		var status struct {
			State  string `json:"processing_status"`
			Errors []string
		}
		err := g.ask(ctx, http.MethodGet, path, nil, &status)
		switch {
		case err != nil && err.Status != http.StatusNotFound: // not known yet
			return err
		case err == nil && status.State == "complete":
			return nil
		case err == nil && status.State == "failed":
			return &Error{what: "GitHub does not take the document: " + g.shown(strings.Join(status.Errors, "; "))}
		case waited >= longestWait:
			return &Error{what: "GitHub has not read the document after " + waited.String(), hint: "look at the tool status page of code scanning"}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) *Error {
	select {
	case <-ctx.Done():
		return &Error{what: "gave up: " + ctx.Err().Error(), ended: ctx.Err()}
	case <-time.After(d):
		return nil
	}
}
