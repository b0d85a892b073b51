package policy

import (
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// An httpRule is what a request must be like; every condition must hold.
type httpRule struct {
	method, path, host *pattern // nil if any will do
	headers            []header
}

// A pattern is an expression that must match a whole text, as Envoy has it.
type pattern struct {
	text string
	expr *regexp.Regexp // nil if it is no expression, which nothing matches for certain
}

// A header must be there, and with a value if one is wanted.
type header struct {
	name, value string
	secret      bool // the value is in a Secret
}

// redacted is what Hubble writes in place of what it is told to hide.
const redacted = "HUBBLE_REDACTED"

// httpRule reads a rule (cilium pkg/envoy/policy/envoy_l7_rules_translator.go).
func (r *reader) httpRule(f field) httpRule {
	f.object("path", "method", "host", "headers", "headerMatches")
	out := httpRule{method: r.pattern(f.at("method")), path: r.pattern(f.at("path"))}
	// The host alone is not checked before it reaches Envoy.
	if host := f.at("host"); isExpr(host.text()) {
		out.host = r.pattern(host)
	} else {
		host.unclear("expected a regular expression")
		out.host = &pattern{text: host.text()}
	}
	for _, h := range f.at("headers").texts() {
		if key, value, ok := strings.Cut(h, " "); ok {
			out.headers = append(out.headers, header{name: strings.TrimRight(key, ":"), value: value})
		} else {
			out.headers = append(out.headers, header{name: h})
		}
	}
	for _, m := range f.at("headerMatches").items() {
		if h, wanted := headerMatch(m); wanted {
			out.headers = append(out.headers, h)
		}
	}
	return out
}

// headerMatch reads a header match. One that is to be repaired or logged when
// it fails denies nothing.
func headerMatch(f field) (h header, wanted bool) {
	f.object("mismatch", "name", "secret", "value")
	secret := f.at("secret")
	secret.object("name", "namespace")
	h = header{name: f.at("name").text(), value: f.at("value").text(), secret: secret.given()}
	action := f.at("mismatch")
	switch {
	case h.name == "":
		f.reject("expected the name of a header")
	case !slices.Contains([]string{"", "LOG", "ADD", "DELETE", "REPLACE"}, action.text()):
		action.reject("expected LOG, ADD, DELETE or REPLACE, found %s", describe(action.value))
	case h.secret && secret.at("name").text() == "":
		secret.reject("expected the name of a Secret")
	}
	return h, action.text() == ""
}

func isExpr(s string) bool {
	_, err := syntax.Parse(s, syntax.Perl)
	return err == nil
}

// pattern reads an expression; those with the same text are compiled once.
func (r *reader) pattern(f field) *pattern {
	s := f.text()
	switch {
	case s == "":
		return nil
	case !isExpr(s):
		f.reject("expected a regular expression, found %q", clip(s))
		return nil
	}
	return r.selectors.pattern(s)
}

// match compares with what is known of a request: "" stands for not known.
func (p *pattern) match(s string) truth {
	switch {
	case p == nil:
		return yes
	case s == "" || p.expr == nil || strings.Contains(s, redacted):
		return maybe
	}
	return truly(p.expr.MatchString(s))
}

// matchHTTP tells whether any of the rules matches the request.
func (l *layer7) matchHTTP(a *ask) (t truth, why string) {
	at := a.http.Path
	if a.engine.settings.normalize {
		at = normalPath(at)
	}
	for i := range l.http {
		if is, w := l.http[i].match(a.http, at); is > t {
			t, why = is, w
		}
	}
	return t, why
}

func (r *httpRule) match(q *audit.HTTP, at string) (t truth, why string) {
	t = yes
	hold := func(is truth, w string) {
		if is < t {
			t, why = is, w
		}
	}
	hold(r.method.match(q.Method), "the method of the request is not known")
	hold(r.path.match(at), "the path of the request, as the proxy compares it, is not known")
	hold(r.host.match(q.Host), "the host of the request is not known")
	for i := range r.headers {
		hold(r.headers[i].match(q), "the value that the header "+clip(r.headers[i].name)+" must have is not known")
	}
	return t, why
}

// match looks for the header among those of the request. An empty value is any.
func (h *header) match(q *audit.HTTP) truth {
	value, found := valueOf(q, h.name)
	switch {
	case !found:
		return no
	case h.secret:
		return maybe
	case h.value == "":
		return yes
	case strings.Contains(value, redacted):
		return maybe
	}
	return truly(value == h.value)
}

// valueOf returns a header of the request, whose name may be in any case.
func valueOf(q *audit.HTTP, name string) (value string, found bool) {
	switch strings.ToLower(name) {
	case ":method":
		return q.Method, q.Method != ""
	case ":path":
		return q.Path, q.Path != ""
	case ":authority", "host":
		return q.Host, q.Host != ""
	}
	for k, v := range q.Headers {
		if strings.EqualFold(k, name) && (!found || v < value) {
			value, found = v, true
		}
	}
	return value, found
}

// needless are escapes of characters that need none, and of slashes.
var needless = regexp.MustCompile(`(?i)%(2[def]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5[cf]|7e)|\\`)

// normalPath is a path as the proxy compares it: without dot segments and
// doubled slashes, before its query. What becomes of needless escapes is not
// known.
func normalPath(p string) string {
	at, query := p, ""
	if i := strings.IndexByte(p, '?'); i >= 0 {
		at, query = p[:i], p[i:]
	}
	switch {
	case needless.MatchString(at):
		return ""
	case !strings.HasPrefix(at, "/"):
		return p
	}
	dir := strings.HasSuffix(at, "/") || strings.HasSuffix(at, "/.") || strings.HasSuffix(at, "/..")
	if at = path.Clean(at); dir && at != "/" {
		at += "/"
	}
	return at + query
}
