package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/reporters"
)

func TestTheDigestIsEditedInPlaceAndTheSameRunTwiceIsNoCall(t *testing.T) {
	inBubble(t, func(d *desk) {
		r := holding(one("a", audit.High, "shop"))
		d.tell(r)
		d.expect(len(d.top(channel)), 1)
		d.calls()
		d.tell(r)
		d.expect(d.calls(), "")
		d.tell(holding(one("a", audit.High, "shop"), one("b", audit.High, "shop")))
		d.expect(len(d.top(channel)), 1)
		d.expect(d.top(channel)[0].edits, 1)
		d.expect(len(d.slack.files), 1) // the former list is taken away
	})
}

func TestEachOwnerIsToldInTheThreadWhatIsNewAndWhatIsResolved(t *testing.T) {
	inBubble(t, func(d *desk) {
		a, b := one("a", audit.High, "shop"), one("b", audit.Medium, "")
		d.tell(holding(a, b))
		digest := d.top(channel)[0].ts
		d.expect(d.thread(digest), "[*`shop`*: 1 new (1 high) *(no owner)*: 1 new (1 medium)]")
		r := holding(a)
		r.Findings[0].State = audit.Unchanged
		r.Gone = []audit.Finding{b}
		d.tell(r)
		d.tell(r) // heard again, since another receiver failed
		b.State = audit.Back
		d.tell(holding(a, b))
		d.expect(d.thread(digest)[2:], "[*(no owner)*: 1 resolved *(no owner)*: 1 new (1 medium)]")
	})
}

func TestACriticalFindingHasItsOwnMessageWhichIsEditedOnceItIsResolved(t *testing.T) {
	inBubble(t, func(d *desk) {
		c := one("c", audit.Critical, "shop")
		d.tell(holding(c))
		d.expect(len(d.top(channel)), 2)
		own := d.top(channel)[1]
		d.expect(strings.HasPrefix(textOf(own), "Critical in prod: Deployment shop/c\n"), true)
		gone := holding()
		gone.Gone = []audit.Finding{c}
		d.tell(gone)
		d.expect(strings.HasPrefix(textOf(own), "Resolved in prod: "), true)
		d.expect(d.thread(own.ts), "[*Resolved:* looked for again, and no longer found, 2026-03-01 12:00:00Z]")
		d.tell(holding())
		c.State = audit.Back
		d.tell(holding(c))
		d.expect(strings.HasPrefix(textOf(own), "Critical in prod: "), true)
		d.expect(d.thread(own.ts)[1:], "[*Open again:* it was found once more, 2026-03-01 12:00:00Z]")
		c.Suppressed = &audit.Suppression{Reason: "known", From: "segproof.yaml:9"}
		d.tell(holding(c))
		d.expect(strings.Contains(own.body, "*Accepted* for good: known (segproof.yaml:9)"), true)
		d.expect(len(d.top(channel)), 2)
	})
}

func TestAMessageThatSomebodyDeletedIsPostedAnew(t *testing.T) {
	inBubble(t, func(d *desk) {
		c := one("c", audit.Critical, "shop")
		d.tell(holding(c))
		d.slack.messages = nil
		c.Message = "it is worse now"
		d.tell(holding(c))
		d.expect(len(d.top(channel)), 2)
	})
}

func TestWhatIsRememberedNowhereIsFoundInTheChannel(t *testing.T) {
	inBubble(t, func(d *desk) {
		a, c := one("a", audit.High, "shop"), one("c", audit.Critical, "shop")
		r := holding(a, c)
		for _, memory := range []audit.Memory{d.shelf, nil, &shelf{things: map[string][]byte{}}} {
			d.o.Memory = memory
			d.tell(r)
			for range 150 { // so that ours are not on the first page
				d.slack.add(channel, "", "{}")
			}
		}
		posts, files := 0, 0
		for _, m := range d.slack.messages {
			switch {
			case m.file != nil:
				files++
			case m.body != "{}":
				posts++
			}
		}
		d.expect([]int{posts, files}, []int{3, 1}) // digest, critical, owner; and the list
	})
}

func TestWithoutTheRightToLookItIsPostedAnew(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.o.Memory, d.slack.scopes = nil, []string{"chat:write"}
		var fs []audit.Finding
		for i := range 20 {
			fs = append(fs, one(fmt.Sprint("f", i), audit.High, "shop"))
		}
		d.tell(holding(fs...))
		d.tell(holding(fs...))
		d.expect(len(d.top(channel)), 2)
		d.expect(strings.Contains(d.top(channel)[0].body, "no file is attached, for Slack refused it (missing_scope)"), true)
	})
}

// taken has the message taken, and the answer lost.
func (d *desk) taken() http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		if body, reason, _ := judged(r); reason == "" {
			d.slack.mu.Lock()
			d.slack.add(r.PostFormValue("channel"), r.PostFormValue("thread_ts"), body)
			d.slack.mu.Unlock()
		}
		panic(http.ErrAbortHandler)
	}
}

func TestAMessageThatWasTakenAndNotAnsweredIsFoundAndNotPostedAgain(t *testing.T) {
	lost := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, first := range map[string]string{"taken": "taken", "lost": "lost"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk) {
				handler := http.HandlerFunc(lost)
				if first == "taken" {
					handler = d.taken()
				}
				d.slack.before = []http.HandlerFunc{handler, handler}
				d.tell(holding(one("c", audit.Critical, "shop")))
				d.expect(len(d.top(channel)), 2)
				d.expect(len(d.thread(d.top(channel)[0].ts)), 1)
				d.expect(len(d.slack.files), 1)
			})
		})
	}
}

func TestWhatAKilledRunPostedIsFoundByTheNext(t *testing.T) {
	inBubble(t, func(d *desk) {
		ctx, cancel := context.WithCancel(d.Context())
		d.slack.before = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			cancel()
			d.taken()(w, r)
		}}
		x, err := New(d.o)
		if err != nil {
			d.Fatal(err)
		}
		err = x.Report(ctx, holding(one("a", audit.High, "shop")))
		if e, ok := errors.AsType[*Error](err); !ok || e.Temporary() {
			d.Errorf("error is %v", err)
		}
		d.tell(holding(one("a", audit.High, "shop")))
		d.expect(len(d.top(channel)), 1)
	})
}

func TestFindingsGoByOwnerLabelNamespaceSeverityAndElseToTheChannel(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.slack.channels = []string{channel, "C1", "C2", "C3", "C4", "CALL"}
		d.o.DigestChannel = "CALL"
		d.o.Routes = []Route{
			{Owner: "payments", MinSeverity: audit.High, Channel: "C1"},
			{LabelKey: "pci", LabelValue: "yes", Channel: "C2"},
			{Namespace: "web-*", Channel: "C3"},
			{Owner: "nobody", Channel: "C4"},
		}
		at := func(f audit.Finding, ns string) audit.Finding {
			f.Subject.Namespace = ns
			return f
		}
		r := holding(
			at(one("1", audit.High, "payments"), "pay"), at(one("2", audit.Low, "payments"), "pay"), at(one("3", audit.High, ""), "cards"),
			at(one("4", audit.High, "x"), "web-eu"), at(one("5", audit.High, ""), "web"),
		)
		r.Objects = []audit.Declared{{Ref: audit.Ref{Kind: "Namespace", Name: "cards"}, Manifest: map[string]any{"metadata": map[string]any{"labels": map[string]any{"pci": "yes"}}}}}
		d.tell(r)
		var got []string
		for _, c := range d.slack.channels {
			top := d.top(c)
			if len(top) == 0 {
				got = append(got, c+" nothing")
				continue
			}
			head, _, _ := strings.Cut(textOf(top[0]), "\n")
			got = append(got, fmt.Sprintf("%s %s %d", c, head, len(d.thread(top[0].ts))))
		}
		d.expect(strings.Join(got, "; "), "C0123456789 Segproof, prod: 1 high, 1 low 2; C1 Segproof, prod: 1 high 1; C2 Segproof, prod: 1 high 1; "+
			"C3 Segproof, prod: 1 high 1; C4 nothing; CALL Segproof, prod: 4 high, 1 low 0")
		d.calls()
		d.tell(r)
		d.expect(d.calls(), "")
	})
}

func TestAChannelThatSlackSlowsDownOrRefusesHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.slack.channels = []string{channel, "C1"}
		d.o.Routes = []Route{{Owner: "gone", Channel: "C9"}, {Owner: "shop", Channel: "C1"}}
		err := d.try(holding(one("1", audit.High, "gone"), one("2", audit.High, "shop"), one("3", audit.High, "")))
		want := "channel C9: post to slack: channel_not_found: no such channel, or the bot is not in it\ninvite the bot to the channel (/invite @segproof), or check the channel's ID"
		d.expect(err, want)
		d.expect([]int{len(d.top(channel)), len(d.top("C1"))}, "[1 1]")
		d.slack.channels = append(d.slack.channels, "C9")
		r := holding(one("1", audit.High, "gone"), one("2", audit.High, "shop"), one("3", audit.High, ""))
		d.calls()
		d.tell(r) // it is told later, and nobody else again
		d.expect(len(d.top("C9")), 1)
		d.expect(d.slack.methods["chat.update"], 0)
	})
}

func TestAMemoryOutOfReachKeepsNobodyFromBeingTold(t *testing.T) {
	inBubble(t, func(d *desk) {
		away := errors.New("store away")
		d.shelf.err = away
		x, err := New(d.o)
		if err != nil {
			d.Fatal(err)
		}
		for range 2 {
			if err := x.Report(d.Context(), holding(one("a", audit.High, "shop"))); err != nil && !errors.Is(err, away) {
				d.Error(err)
			}
		}
		d.expect(len(d.top(channel)), 1)
		d.shelf.err = nil
		d.tell(holding(one("a", audit.High, "shop")))
		d.expect(len(d.top(channel)), 1)
	})
}

func TestNotesThatMakeNoSenseAreReplacedByWhatTheChannelShows(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.tell(holding(one("a", audit.High, "shop")))
		for k := range d.shelf.things {
			d.shelf.things[k] = []byte("nonsense")
		}
		err := d.try(holding(one("a", audit.High, "shop")))
		d.expect(strings.HasPrefix(fmt.Sprint(err), "read what stands in a slack channel: "), true)
		d.expect(len(d.top(channel)), 1)
	})
}

func TestTheAttachedListHasEveryFindingAndNoFormula(t *testing.T) {
	r := many(5_000, "=x", 100)
	content, err := complete(r)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(content, "\n"); lines != 1+5_000 {
		t.Errorf("%d lines", lines)
	}
	if strings.Contains(content, "\n=") || strings.Contains(content, ",=") {
		t.Error("a cell begins with =")
	}
}

func TestHoweverManyFindingsThereAreNoMessageIsRefusedAndTheListHasThemAll(t *testing.T) {
	for _, n := range []int{0, 1, 50, 5_000, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(d *desk) {
				d.o.Buttons = true
				began := time.Now()
				d.tell(many(n, "<!channel>", max(30, 3_000_000/max(n, 1000))))
				d.expect(d.slack.refused, "[]")
				if n := len(d.slack.messages); n > 20 {
					d.Errorf("%d messages", n)
				}
				if took := time.Since(began); took > 30*time.Second {
					d.Errorf("it took %v", took)
				}
				for _, f := range d.slack.files {
					d.expect(strings.Count(f.content, "\n"), 1+n)
				}
				d.expect(len(d.slack.files), min(n, 1))
			})
		})
	}
}

func TestAnUploadWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.slack.instead = map[string][]http.HandlerFunc{"files.completeUploadExternal": {func(w http.ResponseWriter, r *http.Request) {
			d.slack.method(httptest.NewRecorder(), r, "files.completeUploadExternal")
			panic(http.ErrAbortHandler)
		}}}
		d.tell(holding(one("a", audit.High, "shop")))
		files := 0
		for _, m := range d.slack.messages {
			if m.file != nil {
				files++
			}
		}
		d.expect(files, 1)
	})
}

func TestA429OnOneChannelDelaysNoOther(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.slack.channels = []string{channel, "C1"}
		d.o.Routes = []Route{{Owner: "slow", Channel: "C1"}}
		var slow atomic.Bool
		slowly := func(w http.ResponseWriter, r *http.Request) {
			if r.PostFormValue("channel") == "C1" && slow.CompareAndSwap(false, true) {
				busy(429, "90")(w, r)
				return
			}
			d.slack.method(w, r, "chat.postMessage")
		}
		d.slack.before = []http.HandlerFunc{slowly, slowly, slowly, slowly}
		began := time.Now()
		go func() {
			time.Sleep(20 * time.Second)
			d.slack.mu.Lock()
			defer d.slack.mu.Unlock()
			d.expect([]int{len(d.top(channel)), len(d.top("C1"))}, "[1 0]")
		}()
		d.tell(holding(one("1", audit.High, "slow"), one("2", audit.High, "shop")))
		d.expect(time.Since(began) >= 90*time.Second, true)
		d.expect([]int{len(d.top(channel)), len(d.top("C1"))}, "[1 1]")
		d.expect(d.slack.refused, "[]")
	})
}

func TestTwoClustersInOneChannelHaveADigestEach(t *testing.T) {
	inBubble(t, func(d *desk) {
		for range 2 {
			for _, cluster := range []string{"prod", "test"} {
				r := holding(one("a", audit.High, "shop"))
				r.Cluster = cluster
				d.o.Memory = nil
				d.tell(r)
			}
		}
		d.expect(len(d.top(channel)), 2)
	})
}

func TestAChannelKnownByItsNameIsEditedOnceItsIDIsRemembered(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.o.Channel = name
		d.tell(holding(one("a", audit.High, "shop")))
		d.tell(holding(one("a", audit.High, "shop"), one("b", audit.High, "shop")))
		d.expect(len(d.top(channel)), 1)
		d.expect(d.top(channel)[0].edits, 1)
		d.expect(len(d.slack.files), 1)
		d.expect(d.slack.refused, "[]")
	})
}

func TestBehindSinceLastWhatFailedIsToldLaterAndNothingTwice(t *testing.T) {
	inBubble(t, func(d *desk) {
		tell := func(fs ...audit.Finding) error {
			x, err := New(d.o)
			if err != nil {
				d.Fatal(err)
			}
			r := holding(fs...)
			r.Rules, r.Coverage.Flows = []audit.RuleInfo{{ID: "SEG101", Name: "enforce-deny-forwarded"}}, 1
			return (&reporters.SinceLast{Name: "slack", Memory: d.shelf, Reporter: x}).Report(d.Context(), r)
		}
		c := one("c", audit.Critical, "shop")
		d.slack.before = []http.HandlerFunc{says(200, `{"ok":false,"error":"token_revoked"}`)}
		if err := tell(c); err == nil || !strings.Contains(err.Error(), "token_revoked") {
			d.Errorf("error is %v", err)
		}
		for range 3 {
			d.expect(tell(c), nil)
		}
		d.expect(len(d.slack.messages), 4) // digest, critical, list, owner
		d.expect(tell(), nil)
		d.expect(tell(), nil)
		own := d.top(channel)[1]
		d.expect(strings.HasPrefix(textOf(own), "Resolved in prod: "), true)
		d.expect(len(d.thread(own.ts)), 1)
		d.expect(d.thread(d.top(channel)[0].ts), "[*`shop`*: 1 new (1 critical) *`shop`*: 1 resolved]")
		d.expect(len(d.slack.files), 0)
	})
}
