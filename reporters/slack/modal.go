package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// The names of what the modal asks for.
const (
	modalName   = "segproof_accept"
	reasonField = "reason"
	untilField  = "until"
	maxReason   = 500
)

// A question is what the modal is about; it comes back with the answer.
type question struct {
	Channel     string `json:"channel"`
	TS          string `json:"ts"`
	Fingerprint string `json:"fingerprint"`
}

// ask opens the modal that wants a reason and a day.
func (l *Listener) ask(ctx context.Context, c *slack.InteractionCallback, print string) error {
	q := question{c.Channel.ID, c.Message.Timestamp, print}
	about, err := json.Marshal(q)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.pressed = append(l.pressed, press{q.Channel, q.TS, c.Message})
	l.pressed = l.pressed[max(0, len(l.pressed)-maxPressed):]
	l.mu.Unlock()
	text := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
	}
	reason := slack.NewPlainTextInputBlockElement(nil, reasonField)
	reason.Multiline, reason.MaxLength = true, maxReason
	until := slack.NewDatePickerBlockElement(untilField)
	until.InitialDate = time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)
	what := "A finding of a former run"
	if _, f := l.from.finding(print); f != nil {
		what = where(f, 140) + "\n" + prose(f.Message, 300)
	}
	view := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: modalName, PrivateMetadata: string(about),
		Title: text("Accept a finding"), Submit: text("Accept"), Close: text("Cancel"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			section(what),
			slack.NewInputBlock(reasonField, text("Why it is accepted"), nil, reason),
			slack.NewInputBlock(untilField, text("Until the end of this day (UTC)"), nil, until),
		}},
	}
	_, err = l.api.client.OpenViewContext(ctx, c.TriggerID, view)
	return err
}

// keepTimeout leaves time to answer within the three seconds that Slack waits.
const keepTimeout = 2 * time.Second

// submitted keeps the exception, and returns what the modal is told, where nil
// closes it, and what is to be done once it is told.
func (l *Listener) submitted(ctx context.Context, c *slack.InteractionCallback) (answer any, after func()) {
	var q question
	if c.View.CallbackID != modalName || json.Unmarshal([]byte(c.View.PrivateMetadata), &q) != nil || !fingerprint.MatchString(q.Fingerprint) {
		return nil, nil
	}
	wrong := func(field, what string) (any, func()) {
		return slack.NewErrorsViewSubmissionResponse(map[string]string{field: what}), nil
	}
	if !l.may(c.User.ID) {
		return wrong(reasonField, "You are not among those who may accept findings.")
	}
	e, field, what := exception(c, q.Fingerprint)
	if what != "" {
		return wrong(field, what)
	}
	if !l.first(c.View.ID) {
		return nil, nil // it was delivered twice
	}
	keeping, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	if err := l.accept.Accept(keeping, e); err != nil {
		l.forget(c.View.ID)
		l.log.Warn("a finding was accepted in slack and that could not be kept", "err", l.safe(err))
		return wrong(reasonField, "It could not be kept, so nothing is accepted: try again later.")
	}
	l.log.Info("a finding was accepted in slack", "fingerprint", q.Fingerprint, "user", audit.Clean(c.User.ID))
	user := c.User.ID
	return nil, func() {
		if err := l.mark(ctx, user, q, e); err != nil {
			l.log.Warn("a message in slack does not say who accepted its finding", "err", l.safe(err))
		}
	}
}

// exception is what was filled in, or else what is wrong with which field.
func exception(c *slack.InteractionCallback, print string) (e audit.Exception, field, what string) {
	var values map[string]map[string]slack.BlockAction
	if c.View.State != nil {
		values = c.View.State.Values
	}
	reason := strings.Join(strings.Fields(values[reasonField][reasonField].Value), " ")
	if reason == "" || len(reason) > 4*maxReason {
		return e, reasonField, "Say in a few words why."
	}
	day, err := time.Parse(time.DateOnly, values[untilField][untilField].SelectedDate)
	until := day.AddDate(0, 0, 1)
	if err != nil || !until.After(time.Now()) {
		return e, untilField, "Choose a day that is not over."
	}
	from := "Slack user " + audit.Clean(c.User.ID) + " (" + audit.Clean(c.View.ID) + ")"
	return audit.Exception{Fingerprint: print, Reason: audit.Clean(reason), Expires: until, From: from}, "", ""
}

// first tells whether a view was not answered before.
func (l *Listener) first(view string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done[view] {
		return false
	}
	if len(l.done) > 10*maxPressed {
		clear(l.done) // the accepter knows them too
	}
	l.done[view] = true
	return true
}

func (l *Listener) forget(view string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.done, view)
}

// mark writes into the message who accepted the finding and until when, and takes
// its menu away. The next run would do so too, later.
func (l *Listener) mark(ctx context.Context, user string, q question, e audit.Exception) error {
	l.mu.Lock()
	i := slices.IndexFunc(l.pressed, func(p press) bool { return p.channel == q.Channel && p.ts == q.TS })
	if i < 0 {
		l.mu.Unlock()
		return nil
	}
	m := l.pressed[i].message
	m.Blocks.BlockSet = withWord(m.Blocks.BlockSet, blockPrefix+q.Fingerprint,
		"*Accepted* by <@"+plain(user, 30)+"> until "+e.Until()+": "+prose(e.Reason, 300))
	l.pressed[i].message = m // a second finding may be accepted in it
	l.mu.Unlock()
	p := payload{Channel: q.Channel, Text: cmp.Or(m.Text, "Segproof"), Blocks: m.Blocks.BlockSet, Metadata: metadataOf(m)}
	if err := l.from.pacer.wait(ctx, q.Channel); err != nil {
		return asError(err)
	}
	return l.api.update(ctx, q.TS, p)
}

// metadataOf is a message's, if Slack sent it: without one an edit leaves it alone.
func metadataOf(m slack.Message) *slack.SlackMetadata {
	if m.Metadata.EventType == "" {
		return nil
	}
	return &m.Metadata
}

// withWord replaces a finding's block by one without menu, and a word after it.
func withWord(blocks []slack.Block, id, text string) (out []slack.Block) {
	for _, b := range blocks {
		s, ok := b.(*slack.SectionBlock)
		if !ok || s.BlockID != id || s.Text == nil {
			out = append(out, b)
			continue
		}
		bare := *s
		bare.Accessory, bare.BlockID = nil, ""
		out = append(out, &bare, section(text))
	}
	return out
}

// explain whispers what a finding rests on.
func (l *Listener) explain(ctx context.Context, c *slack.InteractionCallback, print string) error {
	report, f := l.from.finding(print)
	if f == nil {
		return l.whisper(ctx, c, "The last run since the start did not have this finding, or none has ended yet. Try again after the next one.")
	}
	return l.whisper(ctx, c, explanation(report, f))
}

const maxExplanation = 2_900 // characters of one section

// explanation says why a finding matters, what it rests on, and what that leaves open.
func explanation(r *audit.Report, f *audit.Finding) string {
	lines := []string{"*" + plain(f.ID, 20) + "* " + plain(f.Rule, 60) + "\n" + where(f, 140), prose(f.Message, 300)}
	for _, rule := range r.Rules {
		if rule.ID == f.ID {
			lines = append(lines, "*Why it matters:* "+prose(rule.Why, 400), "*Blind spot:* "+prose(rule.Blind, 300))
		}
	}
	for i, e := range f.Evidence {
		if i == 4 {
			lines = append(lines, number(len(f.Evidence)-i)+" more pieces of evidence")
			break
		}
		lines = append(lines, "• "+prose(e.What, 160)+seenOn(e))
	}
	var policies []string
	for _, p := range f.Policies {
		policies = append(policies, p.Ref.String())
	}
	if len(policies) > 0 {
		lines = append(lines, "*Policies:* "+list(policies, 4, 100))
	}
	if f.Fix != "" {
		lines = append(lines, "*To do:* "+prose(f.Fix, 300))
	}
	for len([]rune(strings.Join(lines, "\n"))) > maxExplanation {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

func seenOn(e audit.Evidence) string {
	s := ""
	if e.Connections > 0 {
		s = ": " + some(e.Connections, "connection")
	}
	if len(e.Nodes) > 0 {
		s += " on " + list(e.Nodes, 2, 40)
	}
	return s
}
