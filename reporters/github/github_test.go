package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

func report(t *testing.T, ctx context.Context, o Options) error {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g.Report(ctx, &audit.Report{Run: audit.Run{Began: time.Date(2026, 7, 14, 22, 0, 0, 0, time.UTC)}})
}

func TestEveryDocumentIsUploadedAndReadBeforeItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{pending: 3}
		if err := report(t, t.Context(), options(serve(t, f), text("one"), text("two"))); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]string{"one": "refs/heads/main", "two": "refs/heads/main"}, f.taken); d != "" {
			t.Errorf("taken (-want +got):\n%s", d)
		}
		for id, n := range f.asked {
			if n != 5 {
				t.Errorf("%s was asked for %d times, want until it is complete", id, n)
			}
		}
	})
}

func TestWhatGitHubHasAgainstADocumentIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{failed: []string{"rejecting SARIF, as there are more runs than allowed", "and\u202e " + token}}
		err := report(t, t.Context(), options(serve(t, f), text("one"), text("two")))
		for _, want := range []string{
			"upload to github: document 1 of 2: GitHub does not take the document: rejecting SARIF, as there are more runs than allowed; and\\u202e (hidden)",
			"document 2 of 2",
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error is %v, want %q in it", err, want)
			}
		}
	})
}

func TestADocumentThatIsNeverReadIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := report(t, t.Context(), options(serve(t, &fake{pending: 1000}), text("one")))
		if err == nil || !strings.Contains(err.Error(), "has not read the document after 5m") {
			t.Errorf("error is %v", err)
		}
	})
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		say(w, code, "no")
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestWhatMayPassIsTriedAgainAndNotBeforeGitHubSays(t *testing.T) {
	for name, c := range map[string]struct {
		before []http.HandlerFunc
		least  time.Duration
	}{
		"broken down": {[]http.HandlerFunc{answer(502), answer(503), hangUp}, 7 * time.Second},
		"busy":        {[]http.HandlerFunc{answer(429, "Retry-After", "60")}, time.Minute},
		"limited":     {[]http.HandlerFunc{answer(403, "X-RateLimit-Remaining", "0")}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, began := &fake{before: c.before}, time.Now()
				if err := report(t, t.Context(), options(serve(t, f), text("one"))); err != nil || len(f.taken) != 1 {
					t.Fatalf("taken are %v, error is %v", f.taken, err)
				}
				if took := time.Since(began); took < c.least {
					t.Errorf("it took %v, want at least %v", took, c.least)
				}
			})
		})
	}
}

func TestWhatWillNotPassIsToldAtOnceWithWhatToDo(t *testing.T) {
	for want, instead := range map[string]http.HandlerFunc{
		"401: no\ncheck that the file holds a token":      answer(401),
		"403: no\nthe token needs the right":              answer(403),
		"404: no\ncheck upload.github.repository":         answer(404),
		"413: no\nset sarif.parts":                        answer(413),
		"307: no\nthe repository has moved":               answer(307, "Location", "http://elsewhere.test/"),
		"429: no\nGitHub takes no more requests":          answer(429, "Retry-After", "9999"),
		"the answer is not GitHub's\ncheck":               func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"the answer names no upload\ncheck upload.github": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"id":"../../x"}`) },
		"400: commit_sha is a branch, expected\\u202e commit": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 400, "commit_sha is a branch, expected\u202e commit")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{before: []http.HandlerFunc{instead}}
			err := report(t, t.Context(), options(serve(t, f), text("one")))
			if err == nil || !strings.Contains(err.Error(), want) || f.calls != 1 {
				t.Errorf("after %d calls the error is %v, want %q after one", f.calls, err, want)
			}
		})
	}
}

func TestTheEndOfTheContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := report(t, ctx, options(serve(t, &fake{pending: 1000}), text("one")))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestADocumentThatIsTooLargeIsNotSent(t *testing.T) {
	noise := make([]byte, 11<<20)
	r := rand.NewChaCha8([32]byte{})
	r.Read(noise)
	f := &fake{}
	err := report(t, t.Context(), options(serve(t, f), text(noise)))
	if err == nil || !strings.HasSuffix(err.Error(), "\nset sarif.parts to a higher number") || f.calls != 0 {
		t.Errorf("%d calls and error %v", f.calls, err)
	}
}

func TestWrongOptionsAreToldWithWhatIsExpected(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"github: repository is \"o\", expected owner/name":              func(o *Options) { o.Repository = "o" },
		"github: ref is \"main\", expected refs/heads/":                 func(o *Options) { o.Ref = "main" },
		"github: commit is \"abc\", expected 40 hexadecimal":            func(o *Options) { o.Commit = "abc" },
		"github: the token is empty, or holds white space":              func(o *Options) { o.Token = token + "\n" },
		"github: the address of the API is none, expected such as http": func(o *Options) { o.API = "ftp://x" },
	} {
		o := options(nil)
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

// Whatever goes wrong, and even if the other side sends back all it got, nothing
// shows the token.
func TestNothingShowsTheToken(t *testing.T) {
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			dump, _ := httputil.DumpRequest(r, false)
			say(w, code, string(dump))
		}
	}
	for name, instead := range map[string]http.HandlerFunc{
		"400": echo(400), "403": echo(403), "500": echo(500), "202": echo(202), "hang up": hangUp,
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.test/"+token, http.StatusTemporaryRedirect)
		},
		"no HTTP": func(w http.ResponseWriter, r *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", r.Header.Get("Authorization"))
				c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(serve(t, &fake{before: []http.HandlerFunc{instead, instead, instead, instead}}), text("one"))
				g, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				err = g.Report(t.Context(), &audit.Report{})
				if err == nil {
					t.Fatal("no error")
				}
				var log bytes.Buffer
				slog.New(slog.NewTextHandler(&log, nil)).Info("told", "err", err, "token", o.Token)
				asJSON, _ := json.Marshal(o.Token)
				if all := fmt.Sprintf("%v %+v %#v %v %+v %#v %v %s %s", err, err, err, o, o, o, *g, log.String(), asJSON); strings.Contains(all, "not-a-real") {
					t.Errorf("the token is shown: %s", all)
				}
			})
		})
	}
}
