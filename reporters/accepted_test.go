package reporters

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func TestWhatIsAcceptedTwiceFromOnePlaceIsAcceptedOnce(t *testing.T) {
	memory := newShelf()
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	one := audit.Exception{Fingerprint: "0123456789abcdef", Reason: "known", Expires: tomorrow, From: "Slack user U1 (V1)"}
	other := audit.Exception{Fingerprint: "fedcba9876543210", Reason: "planned", Expires: tomorrow, From: "Slack user U1 (V2)"}
	for _, e := range []audit.Exception{one, other, one} {
		// A new one each time: as after a restart, all is in the memory.
		if err := (&Acceptances{Memory: memory}).Accept(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Accepted(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]audit.Exception{one, other}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestWhatIsOverForLongIsForgotten(t *testing.T) {
	memory := newShelf()
	old := audit.Exception{Rule: "a", Reason: "r", Expires: time.Now().Add(-40 * 24 * time.Hour), From: "1"}
	recent := audit.Exception{Rule: "b", Reason: "r", Expires: time.Now().Add(-24 * time.Hour), From: "2"}
	for _, e := range []audit.Exception{old, recent, {Rule: "c", Reason: "r", From: "3"}} {
		if err := (&Acceptances{Memory: memory}).Accept(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Accepted(t.Context(), memory)
	if err != nil || len(got) != 2 || got[0].Rule != "b" || got[1].Rule != "c" {
		t.Errorf("%v, error is %v", got, err)
	}
}

func TestAnAcceptanceThatCantBeKeptIsAnError(t *testing.T) {
	away := errors.New("away")
	for name, memory := range map[string]*shelf{
		"recall": {things: map[string][]byte{}, recall: away}, "remember": {things: map[string][]byte{}, shelve: away},
	} {
		if err := (&Acceptances{Memory: memory}).Accept(t.Context(), audit.Exception{Rule: "a", Reason: "r", From: "1"}); !errors.Is(err, away) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	nonsense := &shelf{things: map[string][]byte{acceptedKey: []byte("[")}}
	if err := (&Acceptances{Memory: nonsense}).Accept(t.Context(), audit.Exception{Rule: "a", From: "1"}); err == nil || string(nonsense.things[acceptedKey]) != "[" {
		t.Errorf("what can't be read is overwritten; error is %v", err)
	}
}
