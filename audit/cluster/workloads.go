package cluster

import (
	"github.com/segproof/segproof/audit"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A workload is what all owners of pods have in common.
type workload struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Template    template `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

type template struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              corev1.PodSpec `json:"spec"`
}

var workloadKeep = keep{
	"metadata": metaKeep,
	"spec":     {"template": templateKeep, "jobTemplate": {"spec": {"template": templateKeep}}},
}

// template returns the pod template, of a CronJob that of its Jobs.
func (w *workload) template(kind string) *template {
	if kind == "CronJob" {
		return &w.Spec.JobTemplate.Spec.Template
	}
	return &w.Spec.Template
}

// workload notes an owner of pods. One that is itself owned, such as the
// ReplicaSet of a Deployment, only leads from its pods to its owner.
func (c *collector) workload(kind string, m *metav1.ObjectMeta, labels map[string]string, s *corev1.PodSpec, src audit.Source) {
	ref := audit.Ref{Kind: kind, Namespace: m.Namespace, Name: m.Name}
	if kind == "ReplicaSet" || kind == "Job" {
		above := metav1.GetControllerOfNoCopy(m)
		c.controllers[ref] = above
		if above != nil {
			return
		}
	}
	c.inv.Workloads = append(c.inv.Workloads, audit.Workload{
		Ref: ref, Labels: m.Labels, Annotations: annotations(m), PodLabels: labels,
		HostNetwork: s.HostNetwork, ServiceAccount: serviceAccount(s), Ports: namedPorts(s), Source: src,
	})
}

// podTemplate takes a typed owner of pods apart.
func podTemplate(o any) (kind string, m *metav1.ObjectMeta, t *corev1.PodTemplateSpec) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return "Deployment", &o.ObjectMeta, &o.Spec.Template
	case *appsv1.StatefulSet:
		return "StatefulSet", &o.ObjectMeta, &o.Spec.Template
	case *appsv1.DaemonSet:
		return "DaemonSet", &o.ObjectMeta, &o.Spec.Template
	case *appsv1.ReplicaSet:
		return "ReplicaSet", &o.ObjectMeta, &o.Spec.Template
	case *corev1.ReplicationController:
		if o.Spec.Template == nil {
			return "ReplicationController", &o.ObjectMeta, &corev1.PodTemplateSpec{}
		}
		return "ReplicationController", &o.ObjectMeta, o.Spec.Template
	case *batchv1.Job:
		return "Job", &o.ObjectMeta, &o.Spec.Template
	case *batchv1.CronJob:
		return "CronJob", &o.ObjectMeta, &o.Spec.JobTemplate.Spec.Template
	}
	return "", nil, nil
}
