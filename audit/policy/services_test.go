package policy

import "github.com/segproof/segproof/audit"

// services are those of the cluster in the tests.
func services() []audit.Service {
	return []audit.Service{
		{Namespace: "y", Name: "backend", Selector: map[string]string{"app": "b"}},
		{Namespace: "y", Name: "external"},
	}
}
