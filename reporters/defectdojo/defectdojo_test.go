package defectdojo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d.Report(ctx, &audit.Report{Cluster: "prod", Run: audit.Run{Ended: time.Date(2026, 7, 14, 22, 0, 0, 0, time.UTC)}})
}

func TestAReportIsImportedIntoTheSameTestAndClosesWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		if err := report(t, t.Context(), options(serve(t, f))); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"scan_type": "SARIF", "product_name": "platform", "engagement_name": "network policy", "test_title": "segproof prod",
			"auto_create_context": "true", "minimum_severity": "Info", "active": "true", "close_old_findings": "true",
			"do_not_reactivate": "false", "scan_date": "2026-07-14",
		}
		if d := cmp.Diff(want, f.fields); d != "" || f.file != "the document" {
			t.Errorf("the file is %q, fields (-want +got):\n%s", f.file, d)
		}
	})
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		say(w, code, map[string]any{"detail": "no"})
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestWhatMayPassIsTriedAgainAndNotBeforeDefectDojoSays(t *testing.T) {
	for name, c := range map[string]struct {
		before []http.HandlerFunc
		least  time.Duration
	}{
		"broken down": {[]http.HandlerFunc{answer(502), answer(503), hangUp}, 7 * time.Second},
		"busy":        {[]http.HandlerFunc{answer(429, "Retry-After", "60")}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, began := &fake{before: c.before}, time.Now()
				if err := report(t, t.Context(), options(serve(t, f))); err != nil || f.file == "" {
					t.Fatalf("taken is %q, error is %v", f.file, err)
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
		"403: detail: no\ncheck that the file holds an API key":  answer(403),
		"404: detail: no\ncheck upload.defectdojo.url":           answer(404),
		"413: detail: no\nraise the limit":                       answer(413),
		"302: detail: no\nupload.defectdojo.url leads elsewhere": answer(302, "Location", "http://elsewhere.test/"),
		"the answer names no test\ncheck":                        func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"400: file: [too\\u202e large]": func(w http.ResponseWriter, _ *http.Request) {
			say(w, 400, map[string]any{"file": []any{[]string{"too\u202e large"}}})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{before: []http.HandlerFunc{instead}}
			err := report(t, t.Context(), options(serve(t, f)))
			if err == nil || !strings.Contains(err.Error(), want) || f.calls != 1 {
				t.Errorf("after %d calls the error is %v, want %q after one", f.calls, err, want)
			}
		})
	}
}

func TestAProductThatIsNotThereIsToldInDefectDojosWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(serve(t, &fake{}))
		o.Product = "none"
		err := report(t, t.Context(), o)
		want := "import into defectdojo: 400: message: Product Type name is required when the product does not exist\ncheck that upload.defectdojo.product names a product that is there"
		if err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	})
}

func TestTheEndOfTheContextEndsTheImport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		f := &fake{before: []http.HandlerFunc{answer(502), answer(502), answer(502)}}
		if err := report(t, ctx, options(serve(t, f))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestWrongOptionsAreToldWithWhatIsExpected(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"defectdojo: the address is none":        func(o *Options) { o.URL = "dojo.test" },
		"defectdojo: no product or no engage":    func(o *Options) { o.Engagement = "" },
		"defectdojo: the API key is empty, or h": func(o *Options) { o.Token = token + "\n" },
	} {
		o := options(nil)
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

// Whatever goes wrong, and even if the other side sends back all it got, nothing
// shows the key.
func TestNothingShowsTheKey(t *testing.T) {
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			dump, _ := httputil.DumpRequest(r, false)
			say(w, code, map[string]any{"detail": string(dump), "file": []string{string(dump)}})
		}
	}
	for name, instead := range map[string]http.HandlerFunc{
		"400": echo(400), "403": echo(403), "500": echo(500), "201": echo(201), "hang up": hangUp,
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
				o := options(serve(t, &fake{before: []http.HandlerFunc{instead, instead, instead, instead}}))
				d, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				err = d.Report(t.Context(), &audit.Report{})
				if err == nil {
					t.Fatal("no error")
				}
				var log bytes.Buffer
				slog.New(slog.NewTextHandler(&log, nil)).Info("told", "err", err, "token", o.Token)
				asJSON, _ := json.Marshal(o.Token)
				if all := fmt.Sprintf("%v %+v %#v %v %+v %#v %v %s %s", err, err, err, o, o, o, *d, log.String(), asJSON); strings.Contains(all, "not-a-real") {
					t.Errorf("the key is shown: %s", all)
				}
			})
		})
	}
}
