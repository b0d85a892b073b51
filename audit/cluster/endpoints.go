package cluster

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A managedPod is what is kept of a CiliumEndpoint. Of the same labels there is
// one list for all endpoints.
type managedPod struct {
	namespace, name, state string
	identity               int64 // 0 if it has none yet
	labels                 audit.Labels
}

// identityLabels is a CiliumIdentity: a number, and the labels it stands for.
type identityLabels struct {
	id     int64
	labels audit.Labels
}

// ciliumEndpoint and ciliumIdentity are Cilium's objects, as far as they are read.
type (
	ciliumEndpoint struct {
		metav1.ObjectMeta `json:"metadata"`
		Status            struct {
			Identity struct {
				ID     int64    `json:"id"`
				Labels []string `json:"labels"`
			} `json:"identity"`
			State string `json:"state"`
		} `json:"status"`
	}
	ciliumIdentity struct {
		metav1.ObjectMeta `json:"metadata"`
		Labels            map[string]string `json:"security-labels"`
	}
)

var (
	nameKeep     = keep{"name": nil, "namespace": nil}
	endpointKeep = keep{"metadata": nameKeep, "status": {"identity": {"id": nil, "labels": nil}, "state": nil}}
	identityKeep = keep{"metadata": nameKeep, "security-labels": nil}
)

func managedPodOf(e *ciliumEndpoint, _ audit.Source) *managedPod {
	i := &e.Status.Identity
	return &managedPod{namespace: e.Namespace, name: e.Name, state: e.Status.State, identity: i.ID, labels: audit.NewLabels(i.Labels...)}
}

// identityOf turns what the identity says, which is "source:key" and the value,
// into labels as flows have them.
func identityOf(i *ciliumIdentity, _ audit.Source) *identityLabels {
	id, _ := strconv.ParseInt(i.Name, 10, 64)
	ls := make([]string, 0, len(i.Labels))
	for key, v := range i.Labels {
		if v != "" {
			key += "=" + v
		}
		ls = append(ls, key)
	}
	return &identityLabels{id, audit.NewLabels(ls...)}
}

// managed joins the endpoints and the identities they name. What the endpoint
// itself repeats of its identity counts where the identity is not known.
func (c *collector) managed() []audit.Endpoint {
	if !c.managedRead && len(c.managedPods) == 0 {
		return nil
	}
	slices.SortFunc(c.managedPods, func(a, b *managedPod) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	out := make([]audit.Endpoint, len(c.managedPods))
	for n, e := range c.managedPods {
		out[n] = audit.Endpoint{Namespace: e.namespace, Name: e.name, State: e.state, Labels: e.labels}
		if ls, ok := c.identities[e.identity]; ok && e.identity != 0 {
			out[n].Labels = ls
		}
		if len(out[n].Labels) == 0 {
			out[n].Labels = nil
		}
	}
	return out
}
