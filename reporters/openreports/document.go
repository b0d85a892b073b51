package openreports

// What follows is openreports.io/v1alpha1, as far as it is written.

const (
	apiVersion = "openreports.io/v1alpha1"
	managedBy  = "app.kubernetes.io/managed-by"
)

type document struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Kind       string   `json:"kind" yaml:"kind"`
	Metadata   metadata `json:"metadata" yaml:"metadata"`
	Source     string   `json:"source" yaml:"source"`
	Scope      *object  `json:"scope,omitempty" yaml:"scope,omitempty"`
	Summary    summary  `json:"summary" yaml:"summary"`
	Results    []result `json:"results" yaml:"results"`
}

type metadata struct {
	Name      string            `json:"name" yaml:"name"`
	Namespace string            `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	Labels    map[string]string `json:"labels" yaml:"labels"`
}

type summary struct {
	Pass  int `json:"pass" yaml:"pass"`
	Fail  int `json:"fail" yaml:"fail"`
	Warn  int `json:"warn" yaml:"warn"`
	Error int `json:"error" yaml:"error"`
	Skip  int `json:"skip" yaml:"skip"`
}

// Verdicts of a result.
const (
	pass = "pass"
	fail = "fail"
	warn = "warn"
	skip = "skip"
)

func (s *summary) add(verdict string) {
	switch verdict {
	case pass:
		s.Pass++
	case fail:
		s.Fail++
	case warn:
		s.Warn++
	case skip:
		s.Skip++
	}
}

type result struct {
	Source     string            `json:"source" yaml:"source"`
	Policy     string            `json:"policy" yaml:"policy"`
	Rule       string            `json:"rule,omitempty" yaml:"rule,omitempty"`
	Category   string            `json:"category,omitempty" yaml:"category,omitempty"`
	Severity   string            `json:"severity,omitempty" yaml:"severity,omitempty"`
	Result     string            `json:"result" yaml:"result"`
	Scored     bool              `json:"scored" yaml:"scored"`
	Message    string            `json:"message" yaml:"message"`
	Resources  []object          `json:"resources,omitempty" yaml:"resources,omitempty"`
	Properties map[string]string `json:"properties,omitempty" yaml:"properties,omitempty"`
	Timestamp  *timestamp        `json:"timestamp,omitempty" yaml:"timestamp,omitempty"`
}

type object struct {
	APIVersion string `json:"apiVersion,omitempty" yaml:"apiVersion,omitempty"`
	Kind       string `json:"kind" yaml:"kind"`
	Namespace  string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
	Name       string `json:"name" yaml:"name"`
}

type timestamp struct {
	Seconds int64 `json:"seconds" yaml:"seconds"`
	Nanos   int32 `json:"nanos" yaml:"nanos"`
}
