// Package defectdojo imports reports into DefectDojo: always into the same test,
// so that what is gone is closed there, and what is back is opened again.
//
// The API key is sent to the address that is configured and nowhere else:
// redirects are not followed. What DefectDojo answers is shown without it.
package defectdojo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/segproof/segproof/audit"
)

// Options say where documents go.
type Options struct {
	URL                       string // of DefectDojo
	Product, Engagement, Test string // the product must be there; the others are made. Test "" is made of the cluster's name
	Token                     Secret // the API key
	Document                  func(*audit.Report) io.WriterTo
	Transport                 http.RoundTripper // nil is the default
}

// A Reporter imports reports. It is safe for concurrent use.
type Reporter struct {
	Options
	client *http.Client
}

// New checks the options. It sends nothing.
func New(o Options) (*Reporter, error) {
	o.URL = strings.TrimSuffix(o.URL, "/")
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("defectdojo: the address is none, expected such as https://defectdojo.example.com")
	case o.Product == "" || o.Engagement == "":
		return nil, errors.New("defectdojo: no product or no engagement is given\nset upload.defectdojo.product and upload.defectdojo.engagement")
	case o.Token == "" || strings.ContainsFunc(string(o.Token), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return nil, errors.New("defectdojo: the API key is empty, or holds white space or control characters\nthe file must hold the key and nothing else")
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Reporter{o, &http.Client{Transport: o.Transport, CheckRedirect: stay, Timeout: 10 * time.Minute}}, nil
}

// Report imports a report, as one document: DefectDojo closes what an import
// does not hold.
func (d *Reporter) Report(ctx context.Context, r *audit.Report) error {
	body, kind, err := d.form(r)
	if err != nil {
		return &Error{what: "write the form: " + err.Error()}
	}
	if err := d.send(ctx, body, kind); err != nil {
		return err
	}
	return nil
}

// form is what is sent. Nothing is said of what people decide in DefectDojo:
// whether a finding is verified, a false positive, or accepted.
func (d *Reporter) form(r *audit.Report) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	test := d.Test
	if test == "" {
		test = "segproof " + audit.Clean(r.Cluster)
	}
	fields := [][2]string{
		{"scan_type", "SARIF"}, {"product_name", d.Product}, {"engagement_name", d.Engagement}, {"test_title", test},
		{"auto_create_context", "true"}, {"minimum_severity", "Info"}, {"active", "true"},
		{"close_old_findings", "true"}, {"do_not_reactivate", "false"},
	}
	if !r.Run.Ended.IsZero() {
		fields = append(fields, [2]string{"scan_date", r.Run.Ended.UTC().Format(time.DateOnly)})
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, "", err
		}
	}
	file, err := w.CreateFormFile("file", "segproof.sarif")
	if err != nil {
		return nil, "", err
	}
	if _, err := d.Document(r).WriteTo(file); err != nil {
		return nil, "", fmt.Errorf("the document: %w", err)
	}
	if err := w.Close(); err != nil { // it writes the end of the form
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}
