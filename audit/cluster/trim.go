package cluster

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// trim drops, as objects arrive, what nobody reads: of 50,000 pods it is nearly
// all. It never fails, and trimming twice is trimming once.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Namespace:
		return &corev1.Namespace{ObjectMeta: trimMeta(&o.ObjectMeta)}, nil
	case *corev1.Pod:
		return &corev1.Pod{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: trimPodSpec(&o.Spec), Status: corev1.PodStatus{
			Phase: o.Status.Phase, PodIP: o.Status.PodIP, PodIPs: o.Status.PodIPs,
		}}, nil
	case *corev1.Service:
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
	case *corev1.Node:
		return &corev1.Node{ObjectMeta: trimMeta(&o.ObjectMeta), Status: corev1.NodeStatus{Addresses: o.Status.Addresses}}, nil
	case *networkingv1.NetworkPolicy:
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
	case *unstructured.Unstructured:
		trimObject(o.Object)
		trimReport(o.Object)
	default:
		return trimWorkload(obj), nil
	}
	return obj, nil
}

func trimWorkload(obj any) any {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return &appsv1.Deployment{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: appsv1.DeploymentSpec{Template: trimTemplate(&o.Spec.Template)}}
	case *appsv1.StatefulSet:
		return &appsv1.StatefulSet{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: appsv1.StatefulSetSpec{Template: trimTemplate(&o.Spec.Template)}}
	case *appsv1.DaemonSet:
		return &appsv1.DaemonSet{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: appsv1.DaemonSetSpec{Template: trimTemplate(&o.Spec.Template)}}
	case *appsv1.ReplicaSet:
		return &appsv1.ReplicaSet{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: appsv1.ReplicaSetSpec{Template: trimTemplate(&o.Spec.Template)}}
	case *corev1.ReplicationController:
		if t := o.Spec.Template; t != nil {
			*t = trimTemplate(t)
		}
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
	case *batchv1.Job:
		return &batchv1.Job{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: batchv1.JobSpec{Template: trimTemplate(&o.Spec.Template)}}
	case *batchv1.CronJob:
		spec := batchv1.JobSpec{Template: trimTemplate(&o.Spec.JobTemplate.Spec.Template)}
		return &batchv1.CronJob{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: spec}}}
	}
	return obj
}

func trimTemplate(t *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{Spec: trimPodSpec(&t.Spec)}
	out.Labels = t.Labels
	return out
}

func trimPodSpec(s *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		NodeName: s.NodeName, HostNetwork: s.HostNetwork, ServiceAccountName: s.ServiceAccountName,
		Containers: trimContainers(s.Containers), InitContainers: trimContainers(s.InitContainers),
	}
}

// trimContainers keeps the containers that have ports.
func trimContainers(cs []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for i := range cs {
		if len(cs[i].Ports) > 0 {
			out = append(out, corev1.Container{Ports: cs[i].Ports, RestartPolicy: cs[i].RestartPolicy})
		}
	}
	return out
}
