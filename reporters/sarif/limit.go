package sarif

import (
	"fmt"

	"github.com/owenrumney/go-sarif/v2/sarif"
)

// limits warn where a dashboard shows less than there is, or shows what is gone.
func (d *documents) limits(n int) []*sarif.Notification {
	t := &teller{kinds: descriptors()}
	results := len(d.parts[n])
	switch {
	case results > mostResults:
		t.tell(consumerLimit, fmt.Sprintf("%d results: GitHub refuses a run with more than %d, and GitLab takes %d", results, mostResults, keptResults))
	case results > keptResults:
		t.tell(consumerLimit, fmt.Sprintf("%d results: GitHub and GitLab keep %d of a run", results, keptResults))
	}
	if d.grown() {
		t.tell(consumerLimit, fmt.Sprintf("The findings fill %d documents, and %d are configured: keep sarif.parts at %d or more, or a dashboard shows what went from one to the other twice, or for ever",
			len(d.parts), max(1, d.Reporter.Parts), len(d.parts)))
	}
	if d.lean {
		t.tell(consumerLimit, "Evidence, the ways of connections and fixes are left out, since the results would not fit otherwise; the record has them")
	}
	if d.left > 0 {
		t.tell(consumerLimit, fmt.Sprintf("%d of %d findings, the least grave ones, are in no document, since dashboards take no more; the record has all", d.left, d.findings))
	}
	return t.told
}

// grown tells whether there are more parts than were asked for.
func (d *documents) grown() bool { return d.split && len(d.parts) > max(1, d.Reporter.Parts) }
