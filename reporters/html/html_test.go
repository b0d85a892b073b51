package html

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, rep *audit.Report, live bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := (&Reporter{W: &b, Live: live}).Report(context.Background(), rep); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// packedType is the type of the element that holds the record: no script.
const packedType = "application/gzip"

var element = regexp.MustCompile(`(?s)<(script|style)([^>]*)>(.*?)</(?:script|style)>`)

func TestTheRecordInThePageIsTheRecord(t *testing.T) {
	want := canonical(t)
	for _, m := range element.FindAllStringSubmatch(render(t, want, false), -1) {
		if !strings.Contains(m[2], packedType) {
			continue
		}
		unpacked, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(m[3])))
		if err != nil {
			t.Fatal(err)
		}
		got, err := audit.Decode(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		return
	}
	t.Error("the page holds no record")
}

// What ends a script element, or hides its end, can't come from a report.
func TestAHostileNameNeverBecomesMarkup(t *testing.T) {
	r := canonical(t)
	plain := render(t, r, false)
	hostile := "</script><!--<script><img src=x onerror=alert(1)>\u2028\u2029&%SCRIPT%%RECORD%\x00"
	r.Cluster, r.Run.Version, r.Findings[0].Message, r.Findings[0].Subject.Name = hostile, hostile, hostile, hostile
	r.Coverage.SilentNodes = []string{hostile}
	page := render(t, r, false)
	for _, s := range []string{"</script", "<!--", "<script", "<img", "onerror=alert(1)>", "\u2028", "\u2029", "\x00"} {
		if got, want := strings.Count(page, s), strings.Count(plain, s); got != want {
			t.Errorf("%q is in the page %d times, want %d", s, got, want)
		}
	}
}

func TestThePolicyNamesWhatIsInThePageByItsHashAndAllowsNothingElse(t *testing.T) {
	page := render(t, canonical(t), false)
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("there is no policy")
	}
	named := regexp.MustCompile(`'sha256-[^']*'`).FindAllString(policy[1], -1)
	var hashes []string
	for _, m := range element.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(m[2], packedType) {
			hashes = append(hashes, hash(m[3]))
		}
	}
	slices.Sort(named)
	slices.Sort(hashes)
	if d := cmp.Diff(hashes, named); d != "" || len(named) != 3 {
		t.Errorf("(-in the page +in the policy):\n%s", d)
	}
	if !strings.HasPrefix(policy[1], "default-src 'none'; ") || strings.Contains(policy[1], "unsafe") || strings.Contains(policy[1], "connect-src") {
		t.Errorf("policy is %s", policy[1])
	}
}

func TestOnlyAPageThatIsHandedOutMayAskItsServer(t *testing.T) {
	file, live := render(t, canonical(t), false), render(t, canonical(t), true)
	if strings.Contains(file, "connect-src") || !strings.Contains(file, `data-live="false"`) {
		t.Error("a file may connect")
	}
	if !strings.Contains(live, "; connect-src 'self'\"") || !strings.Contains(live, `data-live="true"`) {
		t.Error("a page that is live may not connect")
	}
}

func TestThePageRefersToNothingOutsideItself(t *testing.T) {
	page := render(t, &audit.Report{Schema: audit.Schema}, true)
	library, err := assets.ReadFile("assets/cytoscape.min.js")
	if err != nil {
		t.Fatal(err)
	}
	page = strings.Replace(page, string(library), "", 1)
	for _, m := range regexp.MustCompile(`(?i)(src|href|url|import)\s*[=(]\s*["']?[^\s"')]*`).FindAllString(page, -1) {
		if !strings.HasPrefix(m, `href="#`) {
			t.Errorf("refers to %s", m)
		}
	}
	if strings.Contains(page, "https://") || strings.Contains(page, "http://") {
		t.Error("holds a web address")
	}
}

// Text is set as text everywhere: nothing in the scripts turns it into markup.
func TestTheScriptsNeverMakeMarkupOfText(t *testing.T) {
	p, err := assemble()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc", "DOMParser", "createContextualFragment"} {
		if strings.Contains(p.script, s) {
			t.Errorf("a script uses %s", s)
		}
	}
}

func TestEveryScriptIsInThePageOnce(t *testing.T) {
	files, err := assets.ReadDir("assets")
	if err != nil {
		t.Fatal(err)
	}
	var here []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".js") && f.Name() != "cytoscape.min.js" {
			here = append(here, f.Name())
		}
	}
	listed := slices.Sorted(slices.Values(scripts[:]))
	if d := cmp.Diff(here, listed); d != "" {
		t.Errorf("(-there +listed):\n%s", d)
	}
}

func TestTheSameReportIsTheSamePage(t *testing.T) {
	first := render(t, canonical(t), false)
	for range 3 {
		if render(t, canonical(t), false) != first {
			t.Error("two renderings differ")
		}
	}
}

// A license goes with every copy.
func TestTheLibraryBringsItsLicence(t *testing.T) {
	if !strings.Contains(render(t, canonical(t), false), "Copyright (c) 2016-2026, The Cytoscape Consortium.") {
		t.Error("the notice is not in the page")
	}
}
