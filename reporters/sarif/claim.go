package sarif

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A claim is what an object says of where it was declared. Whoever may write the
// object wrote it, so it is shown and never followed.
type claim struct {
	at         audit.Source // zero if it does not name a file
	by         string       // which convention it is: locatedBy
	repository string
	revision   string
	manager    string // who applied the object, where that names no file
}

// claimOf reads the annotations and labels that tools leave on objects: first
// those that name a file, in the order in which they are to be believed.
func claimOf(d *audit.Declared) claim {
	if d == nil {
		return claim{}
	}
	meta, _ := d.Manifest["metadata"].(map[string]any)
	annotations, labels := words(meta["annotations"]), words(meta["labels"])
	c := fileClaim(annotations)
	c.manager = manager(annotations, labels)
	return c
}

func fileClaim(a func(string) string) claim {
	if s := a("segproof.dev/source"); s != "" {
		return claim{at: fileAndLine(s), by: "annotation"}
	}
	if s := a("configmanagement.gke.io/source-path"); s != "" {
		return claim{at: audit.Source{File: s}, by: "config-sync", revision: a("configmanagement.gke.io/token")}
	}
	if c := kustomizeOrigin(a("config.kubernetes.io/origin")); c.at.File != "" {
		return c
	}
	var dog struct{ URL, Path, TargetRevision string }
	if s := a("origin.datadoghq.com/location"); s != "" && json.Unmarshal([]byte(s), &dog) == nil && dog.Path != "" {
		return claim{at: audit.Source{File: dog.Path}, by: "datadog-origin", repository: dog.URL, revision: dog.TargetRevision}
	}
	return claim{}
}

// kustomizeOrigin reads what kustomize writes with buildMetadata
// [originAnnotations]: a few lines of key and value. The path is relative to the
// kustomization, or to the repository if one is named.
func kustomizeOrigin(s string) claim {
	c := claim{by: "kustomize-origin"}
	for l := range strings.Lines(s) {
		k, v, _ := strings.Cut(strings.TrimSpace(l), ":")
		switch v = strings.Trim(strings.TrimSpace(v), `"'`); k {
		case "path":
			c.at.File = v
		case "repo":
			c.repository = v
		case "ref":
			c.revision = v
		}
	}
	return c
}

// manager names who applied the object. Argo CD, Flux and Helm name themselves on
// it, and not the file.
func manager(annotations, labels func(string) string) string {
	if app, _, ok := strings.Cut(annotations("argocd.argoproj.io/tracking-id"), ":"); ok {
		return "Argo CD application " + app
	}
	if n := labels("kustomize.toolkit.fluxcd.io/name"); n != "" {
		return "Flux Kustomization " + labels("kustomize.toolkit.fluxcd.io/namespace") + "/" + n
	}
	if n := labels("helm.toolkit.fluxcd.io/name"); n != "" {
		return "Flux HelmRelease " + labels("helm.toolkit.fluxcd.io/namespace") + "/" + n
	}
	if n := annotations("meta.helm.sh/release-name"); n != "" {
		return "Helm release " + cmp.Or(annotations("meta.helm.sh/release-namespace"), "default") + "/" + n
	}
	return ""
}

// fileAndLine reads path or path:12.
func fileAndLine(s string) audit.Source {
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		if n, err := strconv.Atoi(s[i+1:]); err == nil && n > 0 {
			return audit.Source{File: s[:i], Line: n}
		}
	}
	return audit.Source{File: s}
}

// words reads a member of an object that should hold strings by name.
func words(v any) func(string) string {
	m, _ := v.(map[string]any)
	return func(k string) string {
		s, _ := m[k].(string)
		return s
	}
}
