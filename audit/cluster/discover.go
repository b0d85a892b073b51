package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// served is what the API server says of the kinds that are read.
type served struct {
	versions map[schema.GroupResource][]string // that it serves
	failed   map[string]error                  // groups of which it could not tell
}

// discover asks which kinds are served. That some groups can't tell (an
// extension server is down) is not an error.
func discover(ctx context.Context, client discovery.DiscoveryInterface) (*served, error) {
	s := &served{versions: map[schema.GroupResource][]string{}, failed: map[string]error{}}
	_, lists, err := discovery.ToDiscoveryInterfaceWithContext(client).ServerGroupsAndResourcesWithContext(ctx)
	if partly, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](err); ok {
		for gv, err := range partly.Groups {
			s.failed[gv.Group] = err
		}
	} else if err != nil {
		return nil, err
	}
	for _, l := range lists {
		s.list(l)
	}
	return s, nil
}

func (s *served) list(l *metav1.APIResourceList) {
	gv, err := schema.ParseGroupVersion(l.GroupVersion)
	if err != nil {
		return
	}
	for _, r := range l.APIResources {
		at := schema.GroupResource{Group: gv.Group, Resource: r.Name}
		s.versions[at] = append(s.versions[at], gv.Version)
	}
}

// version returns the newest version of a kind that is both served and known,
// or why the kind can't be read.
func (s *served) version(k Kind) (string, *audit.Unreadable) {
	has := s.versions[schema.GroupResource{Group: k.Group, Resource: k.Resource}]
	for _, v := range k.Versions {
		if slices.Contains(has, v) {
			return v, nil
		}
	}
	switch err := s.failed[k.Group]; {
	case err != nil:
		return "", &audit.Unreadable{Kind: k.String(), Reason: fmt.Sprintf(
			"the API server can't tell whether it serves %s: %v; check: kubectl get apiservices", k.Group, err)}
	case len(has) > 0:
		return "", &audit.Unreadable{Kind: k.String(), Reason: fmt.Sprintf(
			"served only as %v, which this version of Segproof does not know", has)}
	}
	return "", &audit.Unreadable{Kind: k.String(), Reason: "the cluster does not serve it", Absent: true}
}

// group tells whether any resource of a group is served.
func (s *served) group(name string) bool {
	for r := range s.versions {
		if r.Group == name {
			return true
		}
	}
	return false
}
