package sarif

import (
	"github.com/owenrumney/go-sarif/v2/sarif"
)

// Bounds on the texts that a document holds, so that a viewer has lines to show.
const (
	maxContent  = 4 << 10
	maxContents = 1 << 20
)

// artifacts are the files that stand for objects, with their text.
type artifacts struct {
	index map[string]int
	list  []*sarif.Artifact
	room  int
}

// embed lets the location of a result refer to the text of its file, where that
// is small and there is room.
func (a *artifacts) embed(at *locator, g *group, r *sarif.Result) {
	if g.by != byClusterState {
		return
	}
	f := at.file(g.object)
	i, ok := a.index[g.uri]
	if !ok {
		const frame = 300 // what stands around the text
		cost := 2*len(f.manifest.text) + frame
		if len(f.manifest.text) > maxContent || cost > a.room {
			return
		}
		a.room -= cost
		i = len(a.list)
		a.index[g.uri] = i
		a.list = append(a.list, &sarif.Artifact{
			Location: sarif.NewSimpleArtifactLocation(g.uri), Length: len(f.manifest.text), Contents: sarifText(f.manifest.text),
			Roles: []string{"resultFile"},
		})
	}
	r.Locations[0].PhysicalLocation.ArtifactLocation.WithIndex(i)
}
