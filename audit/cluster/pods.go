package cluster

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	containerKeep = keep{"ports": {"name": nil, "containerPort": nil, "protocol": nil}, "restartPolicy": nil}
	podSpecKeep   = keep{
		"nodeName": nil, "hostNetwork": nil, "serviceAccountName": nil,
		"containers": containerKeep, "initContainers": containerKeep,
	}
	podKeep = keep{
		"metadata": podMetaKeep, "spec": podSpecKeep,
		"status": {
			"phase": nil, "podIP": nil, "podIPs": nil, "startTime": nil, "conditions": {"type": nil, "status": nil},
		},
	}
	podMetaKeep = keep{
		"name": nil, "namespace": nil, "uid": nil, "creationTimestamp": nil, "labels": nil, "ownerReferences": nil,
		"annotations": {audit.AnnotationIgnore: nil, audit.AnnotationReason: nil, audit.AnnotationExpires: nil},
	}
	templateKeep = keep{"metadata": metaKeep, "spec": podSpecKeep}
)

// A podInput is a pod whose owner is not looked up yet: the objects between may
// come later.
type podInput struct {
	audit.Pod
	controller controller
}

// A controller is the object that owns another: its kind and name, which are
// empty if nothing does.
type controller struct{ kind, name string }

func controllerOf(m *metav1.ObjectMeta) controller {
	by := metav1.GetControllerOfNoCopy(m)
	if by == nil {
		return controller{}
	}
	return controller{by.Kind, by.Name}
}

func podOf(p *corev1.Pod, src audit.Source) *podInput {
	out := &podInput{controller: controllerOf(&p.ObjectMeta)}
	out.Pod = audit.Pod{
		Namespace: p.Namespace, Name: p.Name, Labels: p.Labels,
		Node: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork, ServiceAccount: serviceAccount(&p.Spec),
		Done:    p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed,
		Running: p.Status.Phase == corev1.PodRunning, Started: value(p.Status.StartTime).UTC(),
		Ports: namedPorts(&p.Spec), Created: p.CreationTimestamp.UTC(), Source: src,
	}
	if by := out.controller.kind; by == "" || by == "Node" {
		out.Annotations = exceptions(p.Annotations)
	}
	for _, ip := range p.Status.PodIPs {
		out.IPs = appendIP(out.IPs, ip.IP)
	}
	if len(out.IPs) == 0 {
		out.IPs = appendIP(out.IPs, p.Status.PodIP)
	}
	out.Ready = slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	return out
}

// longestNote bounds an annotation that is kept of a pod. No list of rules that
// is heeded is longer.
const longestNote = 4096

// exceptions are the annotations by which a pod that nothing owns accepts
// findings about it; of all others the owner speaks. There is nothing else to
// keep: a cluster has many pods, and their annotations are long.
func exceptions(all map[string]string) map[string]string {
	if all[audit.AnnotationIgnore] == "" {
		return nil
	}
	out := map[string]string{}
	for _, k := range []string{audit.AnnotationIgnore, audit.AnnotationReason, audit.AnnotationExpires} {
		if v, ok := all[k]; ok {
			out[k] = strings.Clone(strings.ToValidUTF8(v[:min(len(v), longestNote)], ""))
		}
	}
	return out
}

// serviceAccount is what admission fills in if nothing is set.
func serviceAccount(s *corev1.PodSpec) string { return cmp.Or(s.ServiceAccountName, "default") }

// namedPorts lists the ports that a policy may name. Of the init containers only
// those count that keep running beside the others.
func namedPorts(s *corev1.PodSpec) []audit.NamedPort {
	var out []audit.NamedPort
	add := func(c *corev1.Container) {
		for _, p := range c.Ports {
			if p.Name != "" && p.ContainerPort > 0 && p.ContainerPort <= 65535 {
				out = append(out, audit.NamedPort{Name: p.Name, Protocol: protocol(p.Protocol), Port: uint16(p.ContainerPort)})
			}
		}
	}
	for i := range s.Containers {
		add(&s.Containers[i])
	}
	for i := range s.InitContainers {
		if r := s.InitContainers[i].RestartPolicy; r != nil && *r == corev1.ContainerRestartPolicyAlways {
			add(&s.InitContainers[i])
		}
	}
	return slices.Clip(out)
}

// cronJobName is the name that a CronJob gives its Jobs: with the minute of the
// schedule. Hubble has the same pattern, so both call the workload the same.
var cronJobName = regexp.MustCompile(`^(.+)-\d{8,10}$`)

// owner finds the workload of a pod, as Hubble does (cilium
// pkg/k8s/utils/workload.go), but trusts the objects between before the names.
// Above tells what owns a ReplicaSet or a Job, if it is known.
func owner(p *podInput, above func(audit.Ref) (controller, bool)) audit.Ref {
	ref := audit.Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
	by := p.controller
	if by.kind == "" || by.kind == "Node" { // the kubelet made a static pod itself
		return ref
	}
	ref.Kind, ref.Name = by.kind, by.name
	if top, known := above(ref); known {
		if top.kind != "" {
			ref.Kind, ref.Name = top.kind, top.name
		}
		return ref
	}
	switch by.kind {
	case "ReplicaSet":
		for _, l := range []struct{ label, kind string }{
			{"pod-template-hash", "Deployment"}, {"rollouts-pod-template-hash", "Rollout"},
		} {
			hash := p.Labels[l.label]
			if name, ok := strings.CutSuffix(by.name, "-"+hash); ok && hash != "" && name != "" {
				ref.Kind, ref.Name = l.kind, name
				return ref
			}
		}
	case "ReplicationController":
		if name := p.Labels["deploymentconfig"]; name != "" {
			ref.Kind, ref.Name = "DeploymentConfig", name
		}
	case "Job":
		if m := cronJobName.FindStringSubmatch(by.name); m != nil {
			ref.Kind, ref.Name = "CronJob", m[1]
		}
	}
	return ref
}
