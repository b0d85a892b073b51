package cluster

import (
	"cmp"
	"strconv"

	"github.com/segproof/segproof/audit"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A workload is what all owners of pods have in common, as decoded from JSON.
type workload struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas    *count   `json:"replicas"`
		Parallelism *count   `json:"parallelism"`
		Template    template `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
	Status struct {
		AvailableReplicas      count `json:"availableReplicas"`
		DesiredNumberScheduled count `json:"desiredNumberScheduled"`
		NumberAvailable        count `json:"numberAvailable"`
		Ready                  count `json:"ready"`
	} `json:"status"`
}

type template struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              corev1.PodSpec `json:"spec"`
}

var workloadKeep = keep{
	"metadata": metaKeep,
	"spec": {
		"replicas": nil, "parallelism": nil,
		"template": templateKeep, "jobTemplate": {"spec": {"template": templateKeep}},
	},
	"status": {"availableReplicas": nil, "desiredNumberScheduled": nil, "numberAvailable": nil, "ready": nil},
}

// A count is a number of pods. In a file it is often still to be filled in, and
// no reason to lose the workload: then it is 0.
type count int32

// UnmarshalJSON reads a number, and takes anything else for none.
func (c *count) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 32)
	if err == nil {
		*c = count(n)
	}
	return nil
}

// A pattern is what an owner of pods says of them, whatever its kind.
type pattern struct {
	kind                string
	meta                *metav1.ObjectMeta
	labels              map[string]string // of the pods
	spec                *corev1.PodSpec
	images              []string // of a DaemonSet
	replicas, available int32
}

// pattern takes an owner of pods apart; that of a CronJob is the one of its Jobs.
func (w *workload) pattern(kind string) *pattern {
	t := &w.Spec.Template
	if kind == "CronJob" {
		t = &w.Spec.JobTemplate.Spec.Template
	}
	p := &pattern{kind: kind, meta: &w.ObjectMeta, labels: t.Labels, spec: &t.Spec}
	switch kind {
	case "DaemonSet":
		p.replicas, p.available = int32(w.Status.DesiredNumberScheduled), int32(w.Status.NumberAvailable)
	case "Job":
		p.replicas, p.available = orOne(w.Spec.Parallelism), int32(w.Status.Ready)
	case "CronJob": // has none of its own
	default:
		p.replicas, p.available = orOne(w.Spec.Replicas), int32(w.Status.AvailableReplicas)
	}
	return p
}

// orOne is one where nothing is said.
func orOne[N ~int32](n *N) int32 {
	if n == nil {
		return 1
	}
	return int32(*n)
}

// A workloadInput is an owner of pods, and what owns it.
type workloadInput struct {
	audit.Workload
	above controller
}

// leads tells whether a kind mostly stands between pods and their workload.
func leads(kind string) bool { return kind == "ReplicaSet" || kind == "Job" }

// workloadOf notes an owner of pods. One that is itself owned, such as the
// ReplicaSet of a Deployment, only leads from its pods to its owner.
func workloadOf(p *pattern, src audit.Source) *workloadInput {
	out := &workloadInput{}
	out.Ref = audit.Ref{Kind: p.kind, Namespace: p.meta.Namespace, Name: p.meta.Name}
	if leads(p.kind) {
		if out.above = controllerOf(p.meta); out.above.kind != "" {
			return out
		}
	}
	out.Labels, out.Annotations, out.PodLabels = p.meta.Labels, annotations(p.meta), p.labels
	out.HostNetwork, out.ServiceAccount, out.Ports = p.spec.HostNetwork, serviceAccount(p.spec), namedPorts(p.spec)
	out.Replicas, out.Available, out.Source = p.replicas, p.available, src
	out.Images = p.images
	return out
}

// patternOf takes a typed owner of pods apart; nil if it is none.
func patternOf(o any) *pattern {
	var p *pattern
	var t *corev1.PodTemplateSpec
	switch o := o.(type) {
	case *appsv1.Deployment:
		t, p = &o.Spec.Template, &pattern{kind: "Deployment", meta: &o.ObjectMeta, replicas: orOne(o.Spec.Replicas), available: o.Status.AvailableReplicas}
	case *appsv1.StatefulSet:
		t, p = &o.Spec.Template, &pattern{kind: "StatefulSet", meta: &o.ObjectMeta, replicas: orOne(o.Spec.Replicas), available: o.Status.AvailableReplicas}
	case *appsv1.DaemonSet:
		t, p = &o.Spec.Template, &pattern{kind: "DaemonSet", meta: &o.ObjectMeta, replicas: o.Status.DesiredNumberScheduled, available: o.Status.NumberAvailable}
	case *appsv1.ReplicaSet:
		t, p = &o.Spec.Template, &pattern{kind: "ReplicaSet", meta: &o.ObjectMeta, replicas: orOne(o.Spec.Replicas), available: o.Status.AvailableReplicas}
	case *corev1.ReplicationController:
		t = cmp.Or(o.Spec.Template, &corev1.PodTemplateSpec{})
		p = &pattern{kind: "ReplicationController", meta: &o.ObjectMeta, replicas: orOne(o.Spec.Replicas), available: o.Status.AvailableReplicas}
	case *batchv1.Job:
		t, p = &o.Spec.Template, &pattern{kind: "Job", meta: &o.ObjectMeta, replicas: orOne(o.Spec.Parallelism), available: value(o.Status.Ready)}
	case *batchv1.CronJob:
		t, p = &o.Spec.JobTemplate.Spec.Template, &pattern{kind: "CronJob", meta: &o.ObjectMeta}
	default:
		return nil
	}
	p.labels, p.spec = t.Labels, &t.Spec
	for i := range t.Spec.Containers {
		if image := t.Spec.Containers[i].Image; p.kind == "DaemonSet" && image != "" {
			p.images = append(p.images, image)
		}
	}
	return p
}

// imagesIn lists the images of a DaemonSet as decoded from JSON or YAML.
func imagesIn(u map[string]any) []string {
	var out []string
	for _, field := range []string{"spec", "template", "spec"} {
		u, _ = u[field].(map[string]any)
	}
	containers, _ := u["containers"].([]any)
	for _, c := range containers {
		m, _ := c.(map[string]any)
		if image, _ := m["image"].(string); image != "" {
			out = append(out, image)
		}
	}
	return out
}
