package cluster

import (
	"errors"
	"strings"
)

// A manifest is a decoded object of which the name, at least, is in order.
type manifest struct {
	group, version, kind string
	namespace, name      string
	fields               map[string]any
}

// object looks at what u says of its kind. No kind and no version means that it
// is something else than an object: values of a chart, say.
func (i *item) object(u map[string]any) (*manifest, error) {
	apiVersion, _ := u["apiVersion"].(string)
	kind, _ := u["kind"].(string)
	if i.list.kind != "" && apiVersion == "" && kind == "" {
		apiVersion, kind = i.list.apiVersion, i.list.kind
		u["apiVersion"], u["kind"] = apiVersion, kind
	}
	if _, ok := u["metadata"].(map[string]any); ok {
		switch {
		case kind == "" && apiVersion != "":
			return nil, errors.New("kind is missing; an object has apiVersion, kind and metadata")
		case kind != "" && apiVersion == "":
			return nil, errors.New("apiVersion is missing; an object has apiVersion, kind and metadata")
		}
	}
	group, version, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group, version = "", apiVersion
	}
	return &manifest{group: group, version: version, kind: kind, fields: u}, nil
}

// place reads the name, and puts the object where the API server would: into the
// namespace default if it names none, into none if its kind has none.
func (m *manifest) place(namespaced bool) error {
	meta, ok := m.fields["metadata"].(map[string]any)
	if !ok {
		return errors.New("metadata is missing; an object has apiVersion, kind and metadata with a name")
	}
	name, isString := meta["name"].(string)
	if meta["name"] != nil && !isString {
		return &fieldError{"metadata.name", jsonType(meta["name"]), "a string"}
	}
	if name == "" {
		return errors.New("metadata.name is missing; give the object a name")
	}
	namespace, isString := meta["namespace"].(string)
	if meta["namespace"] != nil && !isString {
		return &fieldError{"metadata.namespace", jsonType(meta["namespace"]), "a string"}
	}
	if len(name) > maxName || len(namespace) > maxName {
		return errors.New("the name is too long; 253 characters are allowed")
	}
	if !namespaced {
		delete(meta, "namespace")
		namespace = ""
	} else if namespace == "" {
		namespace = "default"
		meta["namespace"] = namespace
	}
	m.name, m.namespace = name, namespace
	return nil
}
