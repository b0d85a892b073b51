package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// coder is an encoder, and a decoder that knows the labels it wrote.
func coder() (*encoder, *decoder) {
	sets := map[labelsHash]audit.Labels{}
	book := newLabelBook()
	e := newEncoder(func(ls audit.Labels) labelsHash { h := book.hash(ls); sets[h] = ls; return h })
	return e, newDecoder(func(h labelsHash) (audit.Labels, bool) { ls, ok := sets[h]; return ls, ok })
}

func TestABodyIsReadBackWhateverWasWrittenBefore(t *testing.T) {
	e, d := coder()
	for i := range 300 {
		want := sample(i, noon())
		got, err := d.conversation(e.body(&want))
		if diff := cmp.Diff(want, got, exactly); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	var want audit.Conversation // all zero
	got, err := d.conversation(e.body(&want))
	if diff := cmp.Diff(want, got, exactly); diff != "" || err != nil || !got.First.IsZero() {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestABodyIsSmall(t *testing.T) {
	e, _ := coder()
	sum := 0
	for i := range 1000 {
		c := sample(i, noon())
		sum += len(e.body(&c))
	}
	if sum/1000 > 600 {
		t.Errorf("%d bytes a body", sum/1000)
	}
	t.Logf("%d bytes a body", sum/1000)
}

func TestABodyThatIsCutIsRefused(t *testing.T) {
	e, d := coder()
	c := sample(7, noon())
	whole := e.body(&c)
	for n := range whole {
		if _, err := d.conversation(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for a whole body", n, len(whole))
		}
	}
	if _, err := d.conversation(append(whole, 0)); err == nil {
		t.Error("a body with something after its end is taken")
	}
}

func FuzzABodyIsReadOrRefused(f *testing.F) {
	for i := range 8 {
		e, _ := coder()
		c := sample(i, noon())
		f.Add(e.body(&c))
	}
	e, d := coder()
	d.labels = func(labelsHash) (audit.Labels, bool) { return nil, true }
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := d.conversation(b)
		if err != nil {
			return
		}
		again, err := d.conversation(e.body(&c))
		if diff := cmp.Diff(c, again, exactly); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
