package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	token    = "xoxb-0000-not-a-real-token"
	appToken = "xapp-0000-not-a-real-token"
	channel  = "C0123456789"
	hook     = "http://hooks.test/services/T0000/B0000/not-a-real-webhook"
	apiURL   = "http://slack.test/api/"
)

// everything an app of ours may be allowed to do.
var everything = []string{"chat:write", "files:write", "channels:history", "channels:read"}

// A fake is Slack as far as we go. It refuses what Slack refuses: what is too
// long, too fast, not allowed, or elsewhere.
type fake struct {
	mu       sync.Mutex
	scopes   []string                      // nil: chat:write only
	channels []string                      // nil: only the usual one
	before   []http.HandlerFunc            // answers instead, to the first posts
	instead  map[string][]http.HandlerFunc // the same for other methods
	calls    int                           // posts
	posted   []string                      // the fields of each message taken, as JSON
	methods  map[string]int
	messages []*fakeMessage
	files    map[string]*fakeFile
	at       map[string]time.Time // by channel: the last post
	clock    int64
	refused  []string     // the reasons that were given
	heard    chan string  // if not nil, gets each method that was answered
	sockets  chan *socket // gets each connection of Socket Mode
}

type fakeMessage struct {
	channel, ts, thread, body string
	edits                     int
	file                      *fakeFile
}

type fakeFile struct{ id, name, content string }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, isAPI := strings.CutPrefix(r.URL.Path, "/api/")
	isPost := method == "chat.postMessage" || strings.HasPrefix(r.URL.Path, "/services/")
	f.mu.Lock()
	if f.methods == nil {
		f.methods, f.files, f.at = map[string]int{}, map[string]*fakeFile{}, map[string]time.Time{}
	}
	f.methods[method]++
	var instead http.HandlerFunc
	if isPost {
		if f.calls++; f.calls <= len(f.before) {
			instead = f.before[f.calls-1]
		}
	} else if q := f.instead[method]; len(q) > 0 {
		instead, f.instead[method] = q[0], q[1:]
	}
	f.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case isAPI:
		f.method(w, r, method)
		if f.heard != nil {
			f.heard <- method + " " + r.PostFormValue("text")
		}
	case r.URL.Path == "/socket":
		f.sockets <- newSocket(w, r)
	case r.URL.Path == "/services/T0000/B0000/not-a-real-webhook":
		f.webhook(w, r)
	case strings.HasPrefix(r.URL.Path, "/services/"):
		http.Error(w, "no_service", http.StatusNotFound)
	case strings.HasPrefix(r.URL.Path, "/upload/"):
		f.upload(w, r)
	default:
		http.NotFound(w, r)
	}
}

// name is the usual channel's, which Slack takes for posting only.
const name = "#security"

// needs is the scope that a method needs.
var needs = map[string]string{
	"chat.postMessage": "chat:write", "chat.update": "chat:write", "chat.postEphemeral": "chat:write",
	"conversations.history": "channels:history", "conversations.replies": "channels:history", "conversations.info": "channels:read",
	"files.getUploadURLExternal": "files:write", "files.completeUploadExternal": "files:write", "files.delete": "files:write",
}

func (f *fake) method(w http.ResponseWriter, r *http.Request, method string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	f.mu.Lock()
	defer f.mu.Unlock()
	given := r.PostFormValue("token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		given = bearer
	}
	scopes := f.scopes
	if scopes == nil {
		scopes = []string{"chat:write"}
	}
	w.Header().Set("X-OAuth-Scopes", strings.Join(scopes, ","))
	want := token
	if method == "apps.connections.open" {
		want = appToken
	}
	switch {
	case given == "":
		f.refuseWith(w, "not_authed")
	case given != want:
		f.refuseWith(w, "invalid_auth")
	case needs[method] != "" && !slices.Contains(scopes, needs[method]):
		reply, _ := json.Marshal(map[string]any{"ok": false, "error": "missing_scope", "needed": needs[method]})
		_, _ = w.Write(reply)
	case method == "chat.postMessage" && r.PostFormValue("channel") == name:
		f.do(w, r, method)
	case r.PostFormValue("channel") != "" && !f.has(r.PostFormValue("channel")):
		f.refuseWith(w, "channel_not_found")
	default:
		f.do(w, r, method)
	}
}

func (f *fake) has(c string) bool {
	if f.channels == nil {
		return c == channel
	}
	return slices.Contains(f.channels, c)
}

func (f *fake) refuseWith(w http.ResponseWriter, reason string, details ...string) {
	f.refused = append(f.refused, reason)
	say(w, map[string]any{"ok": false, "error": reason, "response_metadata": map[string]any{"messages": details}})
}

func (f *fake) do(w http.ResponseWriter, r *http.Request, method string) {
	switch method {
	case "auth.test":
		say(w, map[string]any{"ok": true, "team": "Acme", "user": "segproof"})
	case "conversations.info":
		say(w, map[string]any{"ok": true, "channel": map[string]any{"id": r.PostFormValue("channel"), "name": "security", "is_member": true}})
	case "chat.postMessage":
		f.postMessage(w, r)
	case "chat.update":
		f.updateMessage(w, r)
	case "conversations.history", "conversations.replies":
		f.history(w, r)
	case "files.getUploadURLExternal":
		id := fmt.Sprintf("F%d", len(f.files)+1)
		f.files[id] = &fakeFile{id: id, name: r.PostFormValue("filename")}
		say(w, map[string]any{"ok": true, "upload_url": "http://slack.test/upload/" + id, "file_id": id})
	case "files.completeUploadExternal":
		f.complete(w, r)
	case "files.delete":
		f.deleteFile(w, r)
	default:
		f.pressed(w, r, method)
	}
}

func (f *fake) postMessage(w http.ResponseWriter, r *http.Request) {
	body, reason, details := judged(r)
	c, thread := r.PostFormValue("channel"), r.PostFormValue("thread_ts")
	if c == name {
		c = channel
	}
	switch {
	case reason != "":
		f.refuseWith(w, reason, details...)
		return
	case thread != "" && f.find(c, thread) == nil:
		f.refuseWith(w, "thread_not_found")
		return
	case time.Since(f.at[c]) < time.Second:
		f.refused = append(f.refused, "too fast")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	m := f.add(c, thread, body)
	f.at[c] = time.Now()
	f.posted = append(f.posted, body)
	say(w, map[string]any{"ok": true, "channel": c, "ts": m.ts, "message": map[string]any{"blocks": "of a kind that the library does not know"}})
}

func (f *fake) add(c, thread, body string) *fakeMessage {
	f.clock++
	m := &fakeMessage{channel: c, ts: fmt.Sprintf("%d.%06d", time.Now().Unix(), f.clock), thread: thread, body: body}
	f.messages = append(f.messages, m)
	return m
}

func (f *fake) find(c, ts string) *fakeMessage {
	for _, m := range f.messages {
		if m.channel == c && m.ts == ts {
			return m
		}
	}
	return nil
}

func (f *fake) updateMessage(w http.ResponseWriter, r *http.Request) {
	body, reason, details := judged(r)
	m := f.find(r.PostFormValue("channel"), r.PostFormValue("ts"))
	switch {
	case reason != "":
		f.refuseWith(w, reason, details...)
	case m == nil:
		f.refuseWith(w, "message_not_found")
	default:
		m.body = body
		m.edits++
		say(w, map[string]any{"ok": true, "channel": m.channel, "ts": m.ts})
	}
}

func (f *fake) history(w http.ResponseWriter, r *http.Request) {
	c, ts, oldest := r.PostFormValue("channel"), r.PostFormValue("ts"), r.PostFormValue("oldest")
	limit, _ := strconv.Atoi(r.PostFormValue("limit"))
	skip, _ := strconv.Atoi(r.PostFormValue("cursor"))
	var all []map[string]any
	for _, m := range slices.Backward(f.messages) {
		if m.channel != c || m.thread != ts && m.ts != ts || m.ts < oldest {
			continue
		}
		var body struct{ Metadata any }
		_ = json.Unmarshal([]byte(m.body), &body)
		one := map[string]any{"ts": m.ts, "blocks": "of a kind that the library does not know"}
		if r.PostFormValue("include_all_metadata") == "1" && body.Metadata != nil {
			one["metadata"] = body.Metadata
		}
		if m.file != nil {
			one["files"] = []any{map[string]any{"id": m.file.id, "name": m.file.name, "size": "not a number"}}
		}
		all = append(all, one)
	}
	next := ""
	all = all[min(skip, len(all)):]
	if len(all) > limit {
		all, next = all[:limit], fmt.Sprint(skip+limit)
	}
	say(w, map[string]any{"ok": true, "messages": all, "has_more": next != "", "response_metadata": map[string]any{"next_cursor": next}})
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	part, _, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	content, _ := io.ReadAll(part)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[strings.TrimPrefix(r.URL.Path, "/upload/")].content = string(content)
	fmt.Fprintf(w, "OK - %d", len(content))
}

func (f *fake) complete(w http.ResponseWriter, r *http.Request) {
	var files []struct{ ID string }
	_ = json.Unmarshal([]byte(r.PostFormValue("files")), &files)
	c, thread := r.PostFormValue("channel_id"), r.PostFormValue("thread_ts")
	if len(files) != 1 || f.files[files[0].ID] == nil || !f.has(c) || f.find(c, thread) == nil {
		f.refuseWith(w, "invalid_arguments")
		return
	}
	f.add(c, thread, "{}").file = f.files[files[0].ID]
	say(w, map[string]any{"ok": true, "files": []any{map[string]any{"id": files[0].ID}}})
}

func (f *fake) deleteFile(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("file")
	if f.files[id] == nil {
		f.refuseWith(w, "file_not_found")
		return
	}
	delete(f.files, id)
	f.messages = slices.DeleteFunc(f.messages, func(m *fakeMessage) bool { return m.file != nil && m.file.id == id })
	say(w, map[string]any{"ok": true})
}

// judged is a message of the API's, and why Slack would refuse it.
func judged(r *http.Request) (body, reason string, details []string) {
	fields := map[string]json.RawMessage{}
	for _, name := range []string{"channel", "text", "parse"} {
		fields[name], _ = json.Marshal(r.PostFormValue(name))
	}
	if ts := r.PostFormValue("thread_ts"); ts != "" {
		fields["thread_ts"], _ = json.Marshal(ts)
	}
	for _, name := range []string{"blocks", "link_names", "unfurl_links", "unfurl_media", "metadata"} {
		if v := r.PostFormValue(name); v != "" {
			fields[name] = json.RawMessage(v)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return "", "invalid_blocks_format", nil
	}
	reason, details = judge(string(b))
	return string(b), reason, details
}

func (f *fake) webhook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if reason, _ := judge(string(body)); reason != "" || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, reason, http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posted = append(f.posted, string(body))
	fmt.Fprint(w, "ok")
}

// seen tells how many posts came, and how many messages were taken.
func (f *fake) seen() (calls, posted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, len(f.posted)
}

// firstTS is the ts of the first message; a text that is nowhere if there is none.
func (f *fake) firstTS() string {
	if len(f.messages) == 0 {
		return "nowhere"
	}
	return f.messages[0].ts
}

func say(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// pressed answers the methods that a Listener calls.
func (f *fake) pressed(w http.ResponseWriter, r *http.Request, method string) {
	switch {
	case method == "apps.connections.open":
		say(w, map[string]any{"ok": true, "url": "ws://" + r.Host + "/socket?ticket=not-a-real-ticket"})
		return
	case method == "chat.postEphemeral" && r.PostFormValue("user") != "":
		if _, reason, details := judged(r); reason != "" {
			f.refuseWith(w, reason, details...)
			return
		}
	case method == "views.open":
		var view struct {
			TriggerID string `json:"trigger_id"`
			View      struct{ Title, Submit textObject }
		}
		if json.NewDecoder(r.Body).Decode(&view) != nil || view.TriggerID == "" || len(view.View.Title.Text) > 24 || view.View.Submit.Text == "" {
			f.refuseWith(w, "invalid_arguments")
			return
		}
	default:
		f.refuseWith(w, "unknown_method")
		return
	}
	say(w, map[string]any{"ok": true, "channel": channel, "message_ts": "1700000000.000001"})
}
