package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// fileURI is the name of a file as a relative, percent-encoded URI that leads
// nowhere else: below root it is relative to root; any other absolute name
// begins with _root instead of a slash, and each leading ".." is written _up.
func fileURI(root, file string) string {
	if rel, err := filepath.Rel(root, file); root != "" && err == nil && filepath.IsLocal(rel) {
		file = rel
	}
	file = path.Clean(filepath.ToSlash(file))
	segments := strings.Split(file, "/")
	for i, seg := range segments {
		switch {
		case seg == "" && i == 0:
			segments[i] = "_root"
		case seg == "" || seg == ".":
			segments[i] = segment(seg)
		case seg == "..":
			segments[i] = "_up"
		case seg != clean(seg) || strings.Contains(seg, `\`) || len(seg) > 255:
			segments[i] = segment(seg)
		default:
			segments[i] = strings.ReplaceAll(url.PathEscape(seg), ":", "%3A")
		}
	}
	return strings.Join(segments, "/")
}

var plainSegment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// segment is one part of a path. An ordinary name stays as it is; of any other
// what is harmless is kept, and a hash tells it from those that look the same.
func segment(name string) string {
	if plainSegment.MatchString(name) {
		return name
	}
	kept := strings.Map(func(r rune) rune {
		if strings.ContainsRune(".-", r) || plainSegment.MatchString(string(r)) {
			return r
		}
		return '_'
	}, limit(name, 60))
	sum := sha256.Sum256([]byte(name))
	return "x" + hex.EncodeToString(sum[:6]) + "-" + kept
}

// limit shortens text to at most n bytes, visibly.
func limit(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len(more)], "") + more
}
