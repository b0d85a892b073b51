package defectdojo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// An Error says why a report is not in DefectDojo, in DefectDojo's words where it
// has some, and on a second line what to do.
type Error struct {
	Status    int // of the answer; 0 if there was none
	what      string
	hint      string
	temporary bool
	wait      time.Duration // that DefectDojo asks for
	ended     error         // the context's, if that ended it
}

func (e *Error) Error() string {
	s := "import into defectdojo: " + e.what
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

// send imports, again as long as that can help: to import the same document
// twice changes nothing.
func (d *Reporter) send(ctx context.Context, body []byte, kind string) *Error {
	for n := 1; ; n++ {
		err := d.once(ctx, body, kind)
		if err == nil || !err.temporary || n == attempts || err.wait > maxWait {
			return err
		}
		select {
		case <-ctx.Done():
			return &Error{what: err.what + "; gave up: " + ctx.Err().Error(), ended: ctx.Err()}
		case <-time.After(max(err.wait, time.Second<<(n-1))):
		}
	}
}

func (d *Reporter) once(ctx context.Context, body []byte, kind string) *Error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+"/api/v2/reimport-scan/", bytes.NewReader(body))
	if err != nil {
		return &Error{what: "the address is none"}
	}
	req.Header.Set("Authorization", "Token "+string(d.Token))
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "segproof")
	answer, err := d.client.Do(req)
	if err != nil {
		return d.broken(ctx, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return d.broken(ctx, err)
	}
	if answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusOK {
		return d.refused(answer, text)
	}
	var taken struct {
		Test   *int `json:"test"`
		TestID *int `json:"test_id"`
	}
	if json.Unmarshal(text, &taken) != nil || taken.Test == nil && taken.TestID == nil {
		return &Error{Status: answer.StatusCode, what: "the answer names no test", hint: "check upload.defectdojo.url and the proxy: it is perhaps not DefectDojo who answers"}
	}
	return nil
}

// broken is a request that got no answer.
func (d *Reporter) broken(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return &Error{what: "gave up: " + ctx.Err().Error(), ended: ctx.Err()}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &Error{what: d.shown(err.Error()), hint: "check upload.defectdojo.url and the network", temporary: true}
}

// refused is an answer that is none of the good ones.
func (d *Reporter) refused(answer *http.Response, text []byte) *Error {
	e := &Error{Status: answer.StatusCode, what: answer.Status[:min(3, len(answer.Status))]}
	if said := reasons(text); said != "" {
		e.what += ": " + d.shown(said)
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // absent or a date: 0
	e.wait = time.Duration(max(0, min(seconds, 86400))) * time.Second
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500:
		e.temporary = true
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.hint = "check that the file holds an API key that may import scans into the product"
	case code == http.StatusBadRequest:
		e.hint = "check that upload.defectdojo.product names a product that is there"
	case code == http.StatusNotFound:
		e.hint = "check upload.defectdojo.url: it is the address that people open, without /api"
	case code == http.StatusRequestEntityTooLarge:
		e.hint = "raise the limit of DefectDojo's proxy (client_max_body_size)"
	case code/100 == 3:
		e.hint = "upload.defectdojo.url leads elsewhere: redirects are not followed"
	}
	return e
}

// reasons reads what DefectDojo has against a form: a list of texts by field, or
// one text.
func reasons(text []byte) string {
	var by map[string]any
	if json.Unmarshal(text, &by) != nil {
		return ""
	}
	var out []string
	for _, field := range slices.Sorted(maps.Keys(by)) {
		switch v := by[field].(type) {
		case string:
			out = append(out, field+": "+v)
		case []any:
			for _, s := range v {
				out = append(out, fmt.Sprintf("%s: %v", field, s))
			}
		}
	}
	return strings.Join(out, "; ")
}

// shown is what DefectDojo wrote, fit to be shown.
func (d *Reporter) shown(s string) string {
	s = d.Token.without(strings.TrimSpace(s))
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return audit.Clean(s)
}
