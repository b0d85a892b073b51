package reporters

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

// receiver keeps what it was told, and fails as long as there are errors left.
type receiver struct {
	told   []*audit.Report
	errs   []error
	always error
}

func (x *receiver) Report(_ context.Context, r *audit.Report) error {
	x.told = append(x.told, r)
	if len(x.errs) > 0 {
		err := x.errs[0]
		x.errs = x.errs[1:]
		return err
	}
	return x.always
}

type again bool

func (again) Error() string     { return "busy" }
func (a again) Temporary() bool { return bool(a) }

func TestOneBrokenReceiverSilencesNobody(t *testing.T) {
	bad, good := errors.New("bad"), &receiver{}
	r := &audit.Report{}
	err := All(&receiver{always: bad}, good, &receiver{always: again(true)}).Report(t.Context(), r)
	if !errors.Is(err, bad) || !errors.Is(err, again(true)) {
		t.Errorf("error is %v, want both errors", err)
	}
	if len(good.told) != 1 || good.told[0] != r {
		t.Errorf("the good receiver was told %v, want the report", good.told)
	}
	if err := All(good).Report(t.Context(), r); err != nil {
		t.Errorf("without a broken receiver the error is %v", err)
	}
}

func TestOnlyWhatIsGraveEnoughIsTold(t *testing.T) {
	var r audit.Report
	for _, s := range append([]audit.Severity{"unheard-of"}, audit.Severities...) {
		r.Findings = append(r.Findings, audit.Finding{Severity: s})
		r.Gone = append(r.Gone, audit.Finding{Severity: s})
	}
	r.Coverage.Lost = 7
	var got receiver
	if err := AtLeast(audit.High, &got).Report(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	want := []audit.Severity{"unheard-of", audit.High, audit.Critical}
	for _, fs := range [][]audit.Finding{got.told[0].Findings, got.told[0].Gone} {
		var severities []audit.Severity
		for _, f := range fs {
			severities = append(severities, f.Severity)
		}
		if d := cmp.Diff(want, severities); d != "" {
			t.Errorf("told of other severities (-want +got):\n%s", d)
		}
	}
	if got.told[0].Coverage.Lost != 7 || len(r.Findings) != 6 || len(r.Gone) != 6 {
		t.Error("the coverage or the original report changed")
	}
}

func TestOnlyWhatMayHelpIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		errs  []error
		calls int
		took  time.Duration
		want  error
	}{
		"good at once":        {nil, 1, 0, nil},
		"good at the third":   {[]error{again(true), again(true)}, 3, 3 * time.Second, nil},
		"never good":          {[]error{again(true), again(true), again(true), nil}, 3, 3 * time.Second, again(true)},
		"trying can't help":   {[]error{again(false)}, 1, 0, again(false)},
		"the error is silent": {[]error{context.Canceled}, 1, 0, context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) {
			began, x := time.Now(), &receiver{errs: c.errs}
			err := Retry(3, time.Second, x).Report(t.Context(), &audit.Report{})
			if !errors.Is(err, c.want) || len(x.told) != c.calls || time.Since(began) != c.took {
				t.Errorf("%s: %d calls in %v and error %v, want %d in %v and %v",
					name, len(x.told), time.Since(began), err, c.calls, c.took, c.want)
			}
		})
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		x := &receiver{always: again(true)}
		err := Retry(100, 2*time.Second, x).Report(ctx, &audit.Report{})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, again(true)) {
			t.Errorf("error is %v, want the last one and the end of the context", err)
		}
		if len(x.told) != 2 {
			t.Errorf("%d attempts, want 2", len(x.told))
		}
	})
}
