package html

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/segproof/segproof/audit"
)

//go:embed assets/page.html assets/*.css assets/*.js
var assets embed.FS

// The scripts in the order in which they are read: each may use those before it
// while it is read, and all of them once the page is there.
var scripts = [...]string{
	"text.js", "dom.js", "words.js", "yaml.js", "record.js", "address.js",
	"headline.js", "scorecard.js",
	"groups.js", "layout.js", "mapstyle.js", "map.js", "mapkeys.js", "arrows.js",
	"policy.js", "evidence.js", "panel.js",
	"findings.js", "filters.js", "rules.js", "coverage.js", "compliance.js",
	"live.js", "main.js",
}

// write writes the page. Nothing in the shell is from the report but the record
// itself, whose alphabet has nothing in it that could end its element.
func (r *Reporter) write(w io.Writer, rep *audit.Report) error {
	p, err := assemble()
	if err != nil {
		return err
	}
	live := "false"
	if r.Live {
		live = "true"
	}
	shell := strings.NewReplacer(
		"%POLICY%", p.policy(r.Live), "%LIVE%", live,
		"%STYLE%", p.style, "%LIBRARY%", p.library, "%SCRIPT%", p.script,
	)
	before, after, ok := strings.Cut(p.shell, "%RECORD%")
	if !ok {
		return fmt.Errorf("page.html has no place for the record")
	}
	if _, err := shell.WriteString(w, before); err != nil {
		return err
	}
	if err := pack(w, rep); err != nil {
		return fmt.Errorf("write the record into the page: %w", err)
	}
	_, err = shell.WriteString(w, after)
	return err
}

// pack writes the record as base64 of gzip of JSON. A browser takes many times
// longer to read a megabyte of a page than to unpack it.
func pack(w io.Writer, rep *audit.Report) error {
	letters := base64.NewEncoder(base64.StdEncoding, w)
	packed := gzip.NewWriter(letters)
	if err := json.NewEncoder(packed).Encode(rep); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return letters.Close()
}

// parts are what the page is made of.
type parts struct{ shell, style, library, script string }

func assemble() (p parts, err error) {
	for _, a := range []struct {
		name string
		to   *string
	}{{"page.html", &p.shell}, {"page.css", &p.style}, {"cytoscape.min.js", &p.library}} {
		b, err := assets.ReadFile("assets/" + a.name)
		if err != nil {
			return p, err
		}
		*a.to = string(b)
	}
	for _, name := range []string{"map.css", "print.css"} {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return p, err
		}
		p.style += string(b)
	}
	p.script = "(() => {\n\"use strict\";\n"
	for _, name := range scripts {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return p, err
		}
		p.script += string(b)
	}
	p.script += "})();\n"
	return p, nil
}

// policy is the content security policy: what is named by its hash, and nothing
// else.
func (p *parts) policy(live bool) string {
	s := fmt.Sprintf("default-src 'none'; script-src %s %s; style-src %s; base-uri 'none'; form-action 'none'",
		hash(p.library), hash(p.script), hash(p.style))
	if live {
		s += "; connect-src 'self'"
	}
	return s
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
