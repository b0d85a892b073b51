package sarif

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// stdin is the name of a file that is none.
const stdin = "-"

// location says where a finding is shown: in the file that declares the policy
// or subject, or else in a file that stands for the object, since consumers
// drop a result, or refuse the whole document, where there is no file.
func (s Reporter) location(cluster string, f *audit.Finding) (l *sarif.Location, locatedBy string) {
	at, locatedBy := f.Location, cmp.Or(audit.Clean(f.LocatedBy), "manifests")
	uri := s.fileURI(at.File)
	if at.File == "" || at.File == stdin {
		at, locatedBy, uri = audit.Source{}, "cluster-state", stateURI(cluster, f.Subject)
	}
	return physical(uri, at.Line).WithLogicalLocations([]*sarif.LogicalLocation{logical(cluster, f.Subject)}), locatedBy
}

// physical is a location with all four numbers of a region, which GitHub wants.
func physical(uri string, line int) *sarif.Location {
	line = max(1, line)
	region := sarif.NewRegion().WithStartLine(line).WithStartColumn(1).WithEndLine(line).WithEndColumn(2)
	return sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri)).WithRegion(region))
}

// logical names the object itself.
func logical(cluster string, o audit.Ref) *sarif.LogicalLocation {
	full := strings.Join([]string{cluster, cmp.Or(o.Namespace, clusterWide), o.Kind, o.Name}, "/")
	return sarif.NewLogicalLocation().WithKind("resource").
		WithName(limit(audit.Clean(o.Name), 300)).WithFullyQualifiedName(limit(audit.Clean(full), 1000))
}

// clusterWide stands for the namespace of an object that has none. No other
// segment begins with a low line.
const clusterWide = "_cluster"

// stateURI names the file that stands for an object of the cluster.
func stateURI(cluster string, o audit.Ref) string {
	ns := clusterWide
	if o.Namespace != "" {
		ns = segment(o.Namespace)
	}
	return strings.Join([]string{"cluster-state", segment(cluster), ns, segment(o.Kind), segment(o.Name) + ".yaml"}, "/")
}

// fileURI is the name of a file as a relative, percent-encoded URI that leads
// nowhere else: below Root it is relative to Root; any other absolute name
// begins with _root instead of a slash, and each leading ".." is written _up.
func (s Reporter) fileURI(file string) string {
	if rel, err := filepath.Rel(s.Root, file); s.Root != "" && err == nil && filepath.IsLocal(rel) {
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
		case seg != audit.Clean(seg) || strings.Contains(seg, `\`) || len(seg) > 255:
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
