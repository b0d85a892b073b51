package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The checks of the restricted pod security standard, and what linters of pods ask
// beside it. One thing is excepted: a collector mounts the folder of its node that
// holds the agent's socket, and is in the group that may open it.
func TestEveryPodIsRestricted(t *testing.T) {
	for _, values := range examples(t) {
		for _, x := range templates(t, decode(t, render(t, values))) {
			name := filepath.Base(values) + " " + x.owner
			spec := x.pod.Spec
			collects := strings.HasPrefix(x.owner, "DaemonSet/")
			for what, ok := range map[string]bool{
				"shares a namespace of the node":       !spec.HostNetwork && !spec.HostPID && !spec.HostIPC,
				"runs as root":                         *spec.SecurityContext.RunAsNonRoot && *spec.SecurityContext.RunAsUser > 0 && *spec.SecurityContext.RunAsGroup > 0,
				"is in a group of others":              collects || len(spec.SecurityContext.SupplementalGroups) == 0,
				"has no seccomp profile":               spec.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
				"uses the default account":             spec.ServiceAccountName != "" && spec.ServiceAccountName != "default",
				"gets a token it doesn't need":         *spec.AutomountServiceAccountToken != collects,
				"is told of all services":              !*spec.EnableServiceLinks,
				"has not one container":                len(spec.Containers) == 1 && len(spec.InitContainers) == 0,
				"has labels that no policy can choose": x.pod.Labels["app.kubernetes.io/component"] != "",
			} {
				if !ok {
					t.Errorf("%s %s", name, what)
				}
			}
			for _, v := range spec.Volumes {
				if v.HostPath != nil && !(collects && v.HostPath.Path == "/var/run/cilium") {
					t.Errorf("%s mounts the node's %s", name, v.HostPath.Path)
				}
			}
			container(t, name, spec.Containers[0], !strings.HasPrefix(x.owner, "CronJob/"))
		}
	}
}

func container(t *testing.T, name string, c corev1.Container, serves bool) {
	t.Helper()
	s, limits, requests := c.SecurityContext, c.Resources.Limits, c.Resources.Requests
	for what, ok := range map[string]bool{
		"may gain privileges":          !*s.AllowPrivilegeEscalation && s.Privileged == nil,
		"writes its root":              *s.ReadOnlyRootFilesystem,
		"keeps capabilities":           len(s.Capabilities.Drop) == 1 && s.Capabilities.Drop[0] == "ALL" && len(s.Capabilities.Add) == 0,
		"has no limits":                !limits.Cpu().IsZero() && !limits.Memory().IsZero(),
		"has no requests":              !requests.Cpu().IsZero() && !requests.Memory().IsZero(),
		"has a floating tag":           !strings.HasSuffix(c.Image, ":latest") && strings.ContainsAny(c.Image, ":@"),
		"reads the environment":        len(c.EnvFrom) == 0 && (len(c.Env) == 0 || len(c.Env) == 1 && c.Env[0].Name == "NODE_NAME"),
		"is not probed":                !serves || c.LivenessProbe != nil && c.ReadinessProbe != nil,
		"has a port that is no user's": len(c.Ports) == 0 || c.Ports[0].ContainerPort >= 1024 && c.Ports[0].HostPort == 0,
	} {
		if !ok {
			t.Errorf("%s %s", name, what)
		}
	}
	for _, m := range c.VolumeMounts {
		if !m.ReadOnly && m.Name != "data" {
			t.Errorf("%s may write %s", name, m.MountPath)
		}
	}
}
