package config

import (
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Upload says which dashboards get the findings.
type Upload struct {
	Github     Github
	Defectdojo Defectdojo
}

// Github is code scanning of one repository.
type Github struct {
	Repository string // owner/name; "" for none
	Ref        string // such as refs/heads/main
	Commit     string // 40 hexadecimal digits
	TokenFile  string
	API        string
	Category   string // "" for one made of the cluster's name
}

// Enabled tells whether anything is to be uploaded.
func (g Github) Enabled() bool { return g.Repository != "" }

// Defectdojo is one test of an engagement, which is imported again each time.
type Defectdojo struct {
	URL                       string // "" for none
	Product, Engagement, Test string
	TokenFile                 string
}

// Enabled tells whether anything is to be uploaded.
func (d Defectdojo) Enabled() bool { return d.URL != "" }

// Sarif says how the SARIF document is written.
type Sarif struct {
	EvidenceDir       string // for the text of objects that no file holds; "" writes none
	Parts             int    // files that the findings are split into
	IncludeSuppressed bool
	SourceRoot        string // that paths are relative to; "" for the working folder
}

// Openreports says whether findings are written as OpenReports objects.
type Openreports struct {
	Enabled bool
}

func (d *decoder) upload(u *Upload) func(string, *yaml.Node) {
	return d.section(fields{
		"github": d.section(fields{
			"repository": d.matching(&u.Github.Repository, repository, "owner/name"),
			"ref":        d.matching(&u.Github.Ref, ref, "refs/heads/…, refs/tags/… or refs/pull/…"),
			"commit":     d.matching(&u.Github.Commit, commit, "40 hexadecimal digits"),
			"tokenFile":  d.secretFile(&u.Github.TokenFile),
			"api":        d.https(&u.Github.API),
			"category":   d.text(&u.Github.Category),
		}),
		"defectdojo": d.section(fields{
			"url":        d.https(&u.Defectdojo.URL),
			"product":    d.text(&u.Defectdojo.Product),
			"engagement": d.text(&u.Defectdojo.Engagement),
			"test":       d.text(&u.Defectdojo.Test),
			"tokenFile":  d.secretFile(&u.Defectdojo.TokenFile),
		}),
	})
}

var (
	repository = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
	ref        = regexp.MustCompile(`^refs/(heads|tags|pull)/.+$`)
	commit     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	hexDigits  = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func (d *decoder) sarif(s *Sarif) func(string, *yaml.Node) {
	return d.section(fields{
		"evidenceDir":       d.text(&s.EvidenceDir),
		"parts":             d.whole(&s.Parts, 1, 20),
		"includeSuppressed": d.boolean(&s.IncludeSuppressed),
		"sourceRoot":        d.text(&s.SourceRoot),
	})
}

// checkUpload finds uploads that could not work.
func (d *decoder) checkUpload(u *Upload) {
	if u.Github.Enabled() && u.Github.TokenFile == "" {
		d.errorf(d.lines["upload.github.repository"], "upload.github: repository is set but tokenFile is not")
	}
	if u.Github.TokenFile != "" && !u.Github.Enabled() {
		d.errorf(d.lines["upload.github.tokenFile"], "upload.github: tokenFile is set but nothing would be uploaded, expected repository too")
	}
	dojo := u.Defectdojo
	if !dojo.Enabled() {
		if line := d.lines["upload.defectdojo.tokenFile"]; dojo.TokenFile != "" {
			d.errorf(line, "upload.defectdojo: tokenFile is set but nothing would be uploaded, expected url too")
		}
		return
	}
	for _, k := range []struct{ name, value string }{{"product", dojo.Product}, {"engagement", dojo.Engagement}, {"tokenFile", dojo.TokenFile}} {
		if k.value == "" {
			d.errorf(d.lines["upload.defectdojo.url"], "upload.defectdojo: url is set but %s is not", k.name)
		}
	}
}

// https takes the address of a server. A token is never sent in the open,
// except to this machine, where tests and proxies are.
func (d *decoder) https(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.text(to)(path, n)
		if *to == "" || n.ShortTag() != "!!str" {
			return
		}
		u, err := url.Parse(*to)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u):
			d.errorf(n.Line, "%s is %s, expected https://…", path, quote(*to))
		case u.User != nil:
			d.errorf(n.Line, "%s holds a user or a password, expected tokenFile for it", path)
		default:
			*to = strings.TrimSuffix(*to, "/")
		}
	}
}

func isLoopback(u *url.URL) bool {
	h := u.Hostname()
	return u.Scheme == "http" && (h == "localhost" || h == "127.0.0.1" || h == "::1")
}
