package suggest

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestAScalarIsWrittenAsTheLibraryWritesIt(t *testing.T) {
	parts := []string{"", "a", "Z", "y", "N", "on", "Off", "TRUE", "null", "yes", "1", "80", "8443", "0", "1e3", "_", "-", ".", "/", ":", "~", "*", " ", "#", "nan", "inf", "e", "x"}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				s := a + b + c
				data, err := yaml.Marshal(s)
				if err != nil {
					t.Fatal(err)
				}
				if want := strings.TrimSuffix(string(data), "\n"); scalar(s) != want {
					t.Errorf("%q is written %s, want %s", s, scalar(s), want)
				}
			}
		}
	}
	for _, s := range []string{"k8s:io.kubernetes.pod.namespace", "app.kubernetes.io/name", "123456789", "1234567890", "<<", strings.Repeat("a", 200)} {
		if data, _ := yaml.Marshal(s); scalar(s)+"\n" != string(data) {
			t.Errorf("%q is written %s, want %s", s, scalar(s), data)
		}
	}
}
