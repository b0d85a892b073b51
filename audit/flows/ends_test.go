package flows

import (
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

func knows(pods map[string]audit.Ref) audit.Hints {
	return audit.Hints{Owner: func(namespace, pod string) (audit.Ref, bool) {
		r, ok := pods[namespace+"/"+pod]
		return r, ok
	}}
}

// source is the source of the conversation at port 8080.
func source(t *testing.T, tr *audit.Traffic) audit.Peer {
	t.Helper()
	for _, c := range tr.Conversations {
		if c.Port == 8080 {
			return c.From
		}
	}
	t.Fatal("no conversation at port 8080")
	return audit.Peer{}
}

func TestTheWorkloadOfAPod(t *testing.T) {
	web := audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	from := func(port uint32, pod, kind, workload string, labels ...string) *flow.Flow {
		f := delivery()
		f.L4.GetTCP().DestinationPort = port
		f.Source.PodName, f.Source.Workloads = pod, nil
		f.Source.Labels = append(f.Source.Labels, labels...)
		if kind != "" {
			f.Source.Workloads = []*flow.Workload{{Kind: kind, Name: workload}}
		}
		return f
	}
	other := audit.Ref{Kind: "CronJob", Namespace: "shop", Name: "nightly"}
	hints := knows(map[string]audit.Ref{"shop/web-1": other})
	for name, tc := range map[string]struct {
		hints audit.Hints
		flows []*flow.Flow
		want  audit.Ref
	}{
		"told by the flow":                  {hints, []*flow.Flow{from(8080, "web-1", "Deployment", "web")}, web},
		"told by the inventory":             {hints, []*flow.Flow{from(8080, "web-1", "", "")}, other},
		"the inventory knows whose Job":     {hints, []*flow.Flow{from(8080, "web-1", "Job", "nightly-1")}, other},
		"the inventory does not know it":    {audit.Hints{}, []*flow.Flow{from(8080, "web-1", "ReplicaSet", "web")}, audit.Ref{Kind: "ReplicaSet", Namespace: "shop", Name: "web"}},
		"told by another flow of the pod":   {audit.Hints{}, []*flow.Flow{from(8080, "web-1", "", "", "k8s:new=1"), from(80, "web-1", "Deployment", "web")}, web},
		"told by a flow of its like":        {audit.Hints{}, []*flow.Flow{from(8080, "web-1", "", "", "gen:ports=1"), from(80, "web-2", "Deployment", "web")}, web},
		"its likes differ":                  {audit.Hints{}, []*flow.Flow{from(8080, "web-1", "", ""), from(80, "web-2", "Deployment", "web"), from(80, "web-3", "DaemonSet", "web")}, audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}},
		"not told at all":                   {audit.Hints{}, []*flow.Flow{from(8080, "web-1", "", "")}, audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}},
		"nameless, told by a flow its like": {audit.Hints{}, []*flow.Flow{from(8080, "", "", ""), from(80, "web-2", "Deployment", "web")}, web},
		"nameless":                          {audit.Hints{}, []*flow.Flow{from(8080, "", "", "")}, audit.Ref{Kind: "Pod", Namespace: "shop", Name: "unknown"}},
	} {
		for range 2 {
			if got := source(t, takeAll(t, Options{}, tc.hints, tc.flows...)).Workload; got != tc.want {
				t.Errorf("%s: got %v, want %v", name, got, tc.want)
			}
			for i, j := 0, len(tc.flows)-1; i < j; i, j = i+1, j-1 {
				tc.flows[i], tc.flows[j] = tc.flows[j], tc.flows[i]
			}
		}
	}
}

func TestPodsOfOneWorkloadAreOneConversation(t *testing.T) {
	a, b := delivery(), delivery()
	a.Source.PodName, b.Source.PodName, b.Source.Workloads = "web-1", "web-2", nil
	a.IP.Source, b.IP.Source = "10.0.0.8", "10.0.0.9"
	if c := only(t, takeAll(t, Options{}, audit.Hints{}, a, b)); c.Flows != 2 || c.From.IP.IsValid() {
		t.Errorf("%d flows, address %s", c.Flows, c.From.IP)
	}
}

func TestAnEndIsAPodIfItHasANamespaceAndIsNotTheNode(t *testing.T) {
	for name, tc := range map[string]struct {
		end  *flow.Endpoint
		want string
	}{
		"pod":                 {pod("shop", "web-1", "Deployment", "web"), "Deployment shop/web"},
		"only by its labels":  {&flow.Endpoint{Labels: []string{"k8s:io.kubernetes.pod.namespace=shop"}}, "Pod shop/unknown"},
		"host-network pod":    {&flow.Endpoint{Namespace: "shop", PodName: "web-1", Labels: []string{"reserved:host"}}, "host"},
		"on another node":     {&flow.Endpoint{Namespace: "shop", Labels: []string{"reserved:kube-apiserver", "reserved:remote-node"}}, "kube-apiserver"},
		"outside the cluster": {world("cidr:192.0.2.0/24"), "world"},
		"nobody":              {nil, "unknown"},
	} {
		f := delivery()
		f.Source = tc.end
		c := only(t, takeAll(t, Options{}, audit.Hints{}, f))
		if got := c.From.Ref().String(); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
		if c.From.IsPod() == c.From.IP.IsValid() {
			t.Errorf("%s: address %s; pods have none, others have one", name, c.From.IP)
		}
	}
}

func TestAPodThatChangesItsIdentityIsToldOf(t *testing.T) {
	at := func(s int, labels ...string) *flow.Flow {
		f := delivery()
		f.Time = timestamppb.New(noon().Add(time.Duration(s) * time.Second))
		f.Source.Labels = append(f.Source.Labels, labels...)
		return f
	}
	unknown := at(0)
	unknown.Source.Labels = []string{"reserved:unknown"}
	tr := takeAll(t, Options{}, audit.Hints{},
		at(9, "k8s:tier=2"), at(5, "k8s:tier=2"), at(3), at(4, "gen:ports=1"), at(7, "gen:ports=1", "k8s:tier=2"), unknown)
	diff(t, []audit.Relabelled{{
		Namespace: "shop", Pod: "web-1", At: noon().Add(5 * time.Second),
		Labels: audit.Labels{"k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop", "k8s:tier=2"},
		Was:    audit.Labels{"k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"},
	}}, tr.Relabelled)
}

func TestLabelsAreKeptAsGivenInOrder(t *testing.T) {
	a, b := delivery(), delivery()
	a.Source.Labels = []string{"k8s:b=2", "gen:x=1", "k8s:a=1", "k8s:b=2"}
	b.Source.Labels = []string{"gen:x=1", "k8s:a=1", "k8s:b=2"}
	c := only(t, takeAll(t, Options{}, audit.Hints{}, a, b))
	diff(t, audit.Labels{"gen:x=1", "k8s:a=1", "k8s:b=2"}, c.From.Labels)
}
