package audit

import (
	"slices"
	"testing"
)

func TestWhatMattersLeastIsFoldedAndTheOrderStays(t *testing.T) {
	var all []*drawing
	for i, s := range []EdgeState{EdgeCarried, EdgeRefused, EdgeCarried, EdgeContradicted, EdgeUnjudged, EdgeCarried} {
		all = append(all, &drawing{Edge: Edge{Port: uint16(i), State: s}})
	}
	for n, want := range [][]uint16{{}, {3}, {1, 3}, {1, 3, 4}, {0, 1, 3, 4}, {0, 1, 2, 3, 4}} {
		var got []uint16
		for _, d := range weightiest(slices.Clone(all), n) {
			got = append(got, d.Port)
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %d are kept %v, want %v", n, got, want)
		}
	}
}

func TestEdgesThatWereNotSeenComeInOrder(t *testing.T) {
	edges := func(ports ...uint16) (out []Edge) {
		for _, p := range ports {
			out = append(out, Edge{Port: p})
		}
		return out
	}
	for _, c := range [][2][]Edge{{edges(), edges(1)}, {edges(1), edges()}, {edges(1, 4, 6), edges(2, 3, 7)}, {edges(5), edges(1, 2)}} {
		var got []uint16
		for _, e := range merged(c[0], c[1]) {
			got = append(got, e.Port)
		}
		if len(got) != len(c[0])+len(c[1]) || !slices.IsSorted(got) {
			t.Errorf("merged ports %v", got)
		}
	}
}
