package flows

import (
	"testing"
	"time"
)

func TestANodeThatWentAwayIsSilentUntilItIsHeardAgain(t *testing.T) {
	at := func(s int) int64 { return time.Date(2026, 11, 24, 12, 0, s, 0, time.UTC).UnixNano() }
	n := nodes{}.named("a")
	n.heard(at(1))
	if n.silent(at(0)) {
		t.Error("silent although it was heard")
	}
	n.told(standing{at: at(10), state: unavailable})
	if !n.silent(at(0)) {
		t.Error("not silent although it went away")
	}
	n.heard(at(9)) // was on the way
	if !n.silent(at(0)) {
		t.Error("not silent for a flow of before")
	}
	n.heard(at(11))
	if n.silent(at(0)) {
		t.Error("silent although it was heard since; Relay did not say that it is back")
	}
	if !n.silent(at(12)) {
		t.Error("not silent although nothing came for too long")
	}
}
