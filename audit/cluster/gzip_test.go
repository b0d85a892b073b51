package cluster

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

func TestManifestsAreReadThroughGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	whole, cut := packed.Bytes(), packed.Bytes()[:packed.Len()-12]
	for name, data := range map[string][]byte{"a.yaml.gz": whole, "cut.yaml.gz": cut} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := (&Manifests{Paths: []string{dir}}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Namespaces) != 1 || inv.Namespaces[0].Name != "shop" {
		t.Errorf("namespaces: %v", inv.Namespaces)
	}
	if len(inv.Problems) != 1 || filepath.Base(inv.Problems[0].File) != "cut.yaml.gz" {
		t.Errorf("problems: %v", inv.Problems)
	}
	inv, err = (&Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(whole)}).Inventory(t.Context())
	if err != nil || len(inv.Namespaces) != 1 {
		t.Errorf("from standard input: %v, %v", inv, err)
	}
}
