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
		"metadata": metaKeep, "spec": podSpecKeep,
		"status": {"phase": nil, "podIP": nil, "podIPs": nil},
	}
	templateKeep = keep{"metadata": metaKeep, "spec": podSpecKeep}
)

// A podInput is a pod whose owner is not looked up yet: the objects between may
// come later.
type podInput struct {
	audit.Pod
	controller *metav1.OwnerReference
}

func (c *collector) pod(p *corev1.Pod, src audit.Source) {
	out := audit.Pod{
		Namespace: p.Namespace, Name: p.Name, Labels: p.Labels,
		Node: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork, ServiceAccount: serviceAccount(&p.Spec),
		Done:  p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed,
		Ports: namedPorts(&p.Spec), Created: p.CreationTimestamp.UTC(), Source: src,
	}
	for _, ip := range p.Status.PodIPs {
		out.IPs = appendIP(out.IPs, ip.IP)
	}
	if len(out.IPs) == 0 {
		out.IPs = appendIP(out.IPs, p.Status.PodIP)
	}
	c.pods = append(c.pods, podInput{out, metav1.GetControllerOfNoCopy(p)})
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
func (c *collector) owner(p *podInput) audit.Ref {
	ref := audit.Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
	by := p.controller
	if by == nil || by.Kind == "Node" { // the kubelet made a static pod itself
		return ref
	}
	ref.Kind, ref.Name = by.Kind, by.Name
	if above, known := c.controllers[ref]; known {
		if above != nil {
			ref.Kind, ref.Name = above.Kind, above.Name
		}
		return ref
	}
	switch by.Kind {
	case "ReplicaSet":
		for _, l := range []struct{ label, kind string }{
			{"pod-template-hash", "Deployment"}, {"rollouts-pod-template-hash", "Rollout"},
		} {
			hash := p.Labels[l.label]
			if name, ok := strings.CutSuffix(by.Name, "-"+hash); ok && hash != "" && name != "" {
				ref.Kind, ref.Name = l.kind, name
				return ref
			}
		}
	case "ReplicationController":
		if name := p.Labels["deploymentconfig"]; name != "" {
			ref.Kind, ref.Name = "DeploymentConfig", name
		}
	case "Job":
		if m := cronJobName.FindStringSubmatch(by.Name); m != nil {
			ref.Kind, ref.Name = "CronJob", m[1]
		}
	}
	return ref
}
