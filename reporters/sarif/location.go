package sarif

import (
	"cmp"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// stdin is the name of a file that is none.
const stdin = "-"

// How a place was found, for locatedBy. Others are in [fileClaim].
const (
	byManifests    = "manifests"
	byClusterState = "cluster-state"
)

// A place is where a finding is shown.
type place struct {
	uri    string
	line   int
	text   string    // of the line, if it is known
	by     string    // how it was found
	object audit.Ref // what is there
	locus  string    // which part of the object, if the line is that part's
	claim  claim     // what the object says of where it comes from
}

// A locator finds the places of one report's objects.
type locator struct {
	root     string // that names of files are relative to
	cluster  string
	declared map[audit.Ref]*audit.Declared
	sources  map[audit.Source]audit.Ref

	mu    sync.Mutex
	state map[audit.Ref]*stateFile // those that were needed
}

func newLocator(root string, r *audit.Report) *locator {
	l := &locator{root: root, cluster: r.Cluster, declared: map[audit.Ref]*audit.Declared{}, sources: map[audit.Source]audit.Ref{}, state: map[audit.Ref]*stateFile{}}
	for i := range r.Objects {
		d := &r.Objects[i]
		l.declared[d.Ref] = d
		if isFile(d.Source) {
			l.sources[d.Source] = d.Ref
		}
	}
	return l
}

func isFile(s audit.Source) bool { return s.File != "" && s.File != stdin }

// finding is where a finding is shown: in the file that declares the policy or
// subject, in the one that they say they come from, or else in one that stands
// for the object, since consumers drop a result, or refuse the whole document,
// where there is no file.
func (l *locator) finding(f *audit.Finding) place {
	if isFile(f.Location) {
		return l.manifest(f)
	}
	objects := make([]audit.PolicyRef, 0, 2)
	if len(f.Policies) > 0 {
		objects = append(objects, f.Policies[0])
	}
	objects = append(objects, audit.PolicyRef{Ref: f.Subject})
	for _, o := range objects {
		if c := claimOf(l.declared[o.Ref]); isFile(c.at) {
			return l.claimed(o.Ref, c)
		}
	}
	if p := objects[0]; p.Rule != "" && l.declared[p.Ref] != nil {
		if at := l.stateOf(p.Ref, p.Rule); at.locus != "" {
			return at
		}
	}
	return l.stateOf(f.Subject, "")
}

// manifest is the file that was read.
func (l *locator) manifest(f *audit.Finding) place {
	at := f.Location
	p := place{uri: fileURI(l.root, at.File), line: max(1, at.Line), by: cmp.Or(clean(f.LocatedBy), byManifests), object: f.Subject}
	if o, ok := l.sources[at]; ok {
		p.object = o
		return p
	}
	for _, policy := range f.Policies {
		if policy.Location == at {
			p.object = policy.Ref
			return p
		}
	}
	p.locus = p.uri // whose file it is is not known
	return p
}

func (l *locator) claimed(o audit.Ref, c claim) place {
	return place{uri: fileURI(l.root, c.at.File), line: max(1, c.at.Line), by: c.by, object: o, claim: c}
}

// object is where an object is, or one of its rules.
func (l *locator) object(p audit.PolicyRef) place {
	d := l.declared[p.Ref]
	if !isFile(p.Location) && d != nil {
		p.Location = d.Source
	}
	if isFile(p.Location) {
		return place{uri: fileURI(l.root, p.Location.File), line: max(1, p.Location.Line), by: byManifests, object: p.Ref}
	}
	if c := claimOf(d); isFile(c.at) {
		return l.claimed(p.Ref, c)
	}
	return l.stateOf(p.Ref, p.Rule)
}

// isObject tells objects from ends that no file could declare.
func isObject(o audit.Ref) bool {
	switch o.Kind {
	case "Entity", "CIDR", "FQDN", "":
		return false
	}
	return true
}

// location is a place with the objects that it is about.
func (p place) location(cluster string, about ...audit.Ref) *sarif.Location {
	at := physical(p.uri, p.line)
	if p.text != "" {
		at.PhysicalLocation.Region.WithEndColumn(1 + max(1, len(utf16.Encode([]rune(p.text))))).WithSnippet(sarifText(p.text))
	}
	for _, o := range about {
		at.AddLogicalLocations(logical(cluster, o))
	}
	return at
}

func sarifText(s string) *sarif.ArtifactContent { return &sarif.ArtifactContent{Text: &s} }

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
		WithName(limit(clean(o.Name), 300)).WithFullyQualifiedName(limit(clean(full), 1000))
}
