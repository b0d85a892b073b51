package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segproof/segproof/test/rig"
)

// The store's own tests, on the server that they are skipped without.
func TestTheStoreIsTheSameOnPostgreSQL(t *testing.T) {
	t.Parallel()
	address := rig.StartPostgres(t).URL
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "./audit/store")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0", "SEGPROOF_TEST_POSTGRES="+address)
	out, err := c.CombinedOutput()
	if err != nil || strings.Contains(string(out), "--- SKIP") || !strings.Contains(string(out), "--- PASS: TestPostgreSQLIsAStore") {
		t.Fatalf("%v\n%s", err, out)
	}
}
