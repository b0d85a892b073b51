package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

// Each archive is a cluster in which requests were seen, and wants what the score
// card says of layer 7, of namespaces that have rules of that layer.
func TestTheLayer7ScoreIsWhatRequestsWereSeenToProve(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "score-l7", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := snapshot(t, a)
			var got strings.Builder
			for _, score := range audit.Check(s, engine(s), rules.All).ScoreCard {
				if l := score.L7; l.State != audit.NotCovered {
					fmt.Fprintf(&got, "%s: %s%s: %s\n", score.Namespace, l.State, since(l.Newest), l.Why)
				}
			}
			i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
			if *update {
				a.Files[i].Data = []byte(got.String())
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := gocmp.Diff(string(a.Files[i].Data), got.String()); d != "" {
				t.Errorf("the score card differs (-want +got):\n%s", d)
			}
		})
	}
}

func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", " + at.Format(time.RFC3339)
}
