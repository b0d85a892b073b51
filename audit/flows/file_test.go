package flows

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/segproof/segproof/audit"
)

func traffic(t *testing.T, f *Files) *audit.Traffic {
	t.Helper()
	tr, err := f.Traffic(t.Context(), audit.Hints{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func piped(t *testing.T, text string) *audit.Traffic {
	t.Helper()
	return traffic(t, &Files{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestARecordingIsReadWhole(t *testing.T) {
	tr := traffic(t, &Files{Paths: []string{recording}})
	if tr.Flows != 69 || tr.Lost != 8421 || tr.BadRecords != 0 || len(tr.Problems) != 0 || tr.Folded != 0 {
		t.Errorf("%d flows, %d lost, %d bad, problems %v, %d folded", tr.Flows, tr.Lost, tr.BadRecords, tr.Problems, tr.Folded)
	}
	diff(t, map[string]uint64{"HUBBLE_RING_BUFFER": 8421}, tr.LostBy)
	diff(t, []string{"lab"}, tr.Clusters)
	if len(tr.Nodes) != 1 || tr.Nodes[0].Name != "lab/lab-node" || tr.Nodes[0].Flows != 69 || tr.Nodes[0].Lost != 8421 {
		t.Errorf("nodes %+v", tr.Nodes)
	}
	events := map[audit.Event]int{}
	for _, c := range tr.Conversations {
		events[c.Event]++
	}
	for _, e := range []audit.Event{audit.PolicyVerdict, audit.Drop, audit.Delivered, audit.Left, audit.L7, audit.Seen} {
		if events[e] == 0 {
			t.Errorf("no conversation of event %s", e)
		}
	}
}

func TestPackedOrPlainOrTwiceIsTheSame(t *testing.T) {
	data := read(t, recording)
	want := traffic(t, &Files{Paths: []string{recording}})
	half := bytes.LastIndexByte(data[:len(data)/2], '\n') + 1
	members := append(packed(t, data[:half]), packed(t, data[half:])...)
	for name, f := range map[string]*Files{
		"gzip":             {Paths: []string{write(t, "f", packed(t, data))}},
		"gzip of two":      {Paths: []string{write(t, "f", members)}},
		"standard input":   {Paths: []string{"-"}, Stdin: bytes.NewReader(data)},
		"two files":        {Paths: []string{write(t, "a", data[:half]), write(t, "b", data[half:])}},
		"no final newline": {Paths: []string{write(t, "f", bytes.TrimSpace(data))}},
		"blank lines":      {Paths: []string{write(t, "f", bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n \r\n\n")))}},
		"byte order mark":  {Paths: []string{write(t, "f", append([]byte("\ufeff"), data...))}},
	} {
		got := traffic(t, f)
		t.Run(name, func(t *testing.T) { diff(t, want, got) })
	}
	twice := traffic(t, &Files{Paths: []string{recording, recording}})
	diff(t, want.Conversations, twice.Conversations)
	if twice.Flows != want.Flows {
		t.Errorf("%d flows, want %d: overlapping files do not count twice", twice.Flows, want.Flows)
	}
}

func TestABadLineIsCountedAndTheRestGoesOn(t *testing.T) {
	good := line(t, delivery())
	tr := piped(t, strings.Join([]string{
		good,
		"level=info msg=hello\n",
		"\n",
		`{"flow":{"time":"2026-11-22T22:05:22Z"}` + "\n",
		`{"flow":{"verdict":"FORWARDED"}}` + "\n",
		`{"metadata":{"name":"x"}}` + "\n",
		`{"flow":{"time":"yesterday"}}` + "\n",
		`["flow"]` + "\n",
		good,
		good[:len(good)/2],
	}, ""))
	if tr.BadRecords != 7 || tr.Flows != 2 {
		t.Errorf("%d bad, %d flows, want 7 and 2", tr.BadRecords, tr.Flows)
	}
	var got []string
	for _, p := range tr.Problems {
		got = append(got, p.String())
	}
	diff(t, []string{
		"-, line 2: not JSON: invalid character 'l' looking for beginning of value at byte 1",
		"-, line 4: cut off in the middle: unexpected end of JSON",
		"-, line 5: no time in it",
		"-, line 6: neither a flow nor another record of Hubble's",
		`-, line 7: (line 1:17): invalid google.protobuf.Timestamp value "yesterday"`,
	}, got)
}

func TestTheFirstProblemsAreThoseOfTheFirstLines(t *testing.T) {
	text := line(t, delivery()) + strings.Repeat("bad\n", 3000)
	tr := piped(t, text)
	if tr.BadRecords != 3000 || len(tr.Problems) != 5 || tr.Problems[0].Line != 2 || tr.Problems[4].Line != 6 {
		t.Errorf("%d bad, problems %v", tr.BadRecords, tr.Problems)
	}
}

func TestATruncatedFileIsUsedAsFarAsItGoes(t *testing.T) {
	data := packed(t, read(t, recording))
	tr := traffic(t, &Files{Paths: []string{write(t, "f.gz", data[:len(data)*3/4])}})
	if tr.Flows == 0 || tr.Flows >= 69 {
		t.Errorf("%d flows, want some of 69", tr.Flows)
	}
	last := tr.Problems[len(tr.Problems)-1].String()
	if !strings.Contains(last, "f.gz: read to line ") || !strings.HasSuffix(last, "unexpected EOF") {
		t.Errorf("got %s", last)
	}
}

func TestALineMayBeLongButNotEndless(t *testing.T) {
	long := with(delivery(), func(f *flow.Flow) { f.NodeLabels = []string{strings.Repeat("x", 5<<20)} })
	text := line(t, long) + `{"flow":"` + strings.Repeat("x", maxLine) + "\"}\n" + line(t, delivery())
	tr := piped(t, text)
	if tr.Flows != 2 || tr.BadRecords != 1 {
		t.Errorf("%d flows, %d bad, want 2 and 1", tr.Flows, tr.BadRecords)
	}
	diff(t, []audit.Problem{{File: "-", Line: 2, Err: "longer than 16 MiB, not read"}}, tr.Problems)
}

func TestAnEndlessLineIsNotHeldInMemory(t *testing.T) {
	l := newLines(io.LimitReader(zeros{}, 3*maxLine))
	got, err := l.next(nil)
	if cap(got) > 2*maxLine || len(got) != 0 || err != io.EOF {
		t.Errorf("%d bytes held, %v", cap(got), err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestWhatANewerHubbleWritesIsReadAsFarAsItIsKnown(t *testing.T) {
	good := line(t, delivery())
	for name, text := range map[string]string{
		"field":       strings.Replace(good, `{"flow":{`, `{"flow":{"new_field":{"a":[1]},`, 1),
		"outer field": strings.Replace(good, `{"flow":{`, `{"new_field":1,"flow":{`, 1),
		"enumeration": strings.Replace(good, `"TO_ENDPOINT"`, `"TO_ENDPOINT","auth_type":"QUANTUM"`, 1),
		"extension":   strings.Replace(good, `{"flow":{`, `{"flow":{"extensions":{"@type":"type.example/x.Y","z":1},`, 1),
	} {
		if !strings.HasPrefix(text, "{") || text == good {
			t.Fatalf("%s: not changed", name)
		}
		tr := piped(t, text+text)
		if c := only(t, tr); c.Event != audit.Delivered || c.Flows != 2 || tr.BadRecords != 0 {
			t.Errorf("%s: event %s, %d flows, %d bad", name, c.Event, c.Flows, tr.BadRecords)
		}
		if len(tr.Problems) != 1 || tr.Problems[0].Line != 1 || !strings.Contains(tr.Problems[0].Err, "newer Hubble") {
			t.Errorf("%s: problems %v, want one note", name, tr.Problems)
		}
	}
}

func TestABareFlowOfAnOldHubbleIsRead(t *testing.T) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(delivery())
	if err != nil {
		t.Fatal(err)
	}
	tr := piped(t, string(b))
	if c := only(t, tr); c.Event != audit.Delivered || len(tr.Problems) != 0 {
		t.Errorf("event %s, problems %v", c.Event, tr.Problems)
	}
}

func TestANodeThatDeliveredNothingAndFailedIsSilent(t *testing.T) {
	status := func(second, state, names, message string) string {
		return `{"node_status":{"state_change":"` + state + `","node_names":[` + names + `],"message":"` + message +
			`"},"node_name":"relay","time":"2026-11-22T12:00:` + second + `Z"}` + "\n"
	}
	lines := []string{
		line(t, delivery()), // of lab/n1
		status("01", "NODE_CONNECTED", `"lab/n1","lab/n2"`, ""),
		status("05", "NODE_ERROR", `"lab/n1"`, "connection reset"),
		status("02", "NODE_UNAVAILABLE", `"lab/n3","lab/n4"`, "no route"),
		status("03", "NODE_CONNECTED", `"lab/n4"`, ""),
		status("04", "NODE_GONE", `"lab/n5"`, ""),
		`{"agent_event":{"type":"AGENT_STARTED"},"node_name":"lab/n2"}` + "\n",
		`{"debug_event":{"message":"x"},"node_name":"lab/n2"}` + "\n",
		`{"lost_events":{"source":"OBSERVER_EVENTS_QUEUE","num_events_lost":"7"},"node_name":"lab/n6","time":"2026-11-22T12:00:09Z"}` + "\n",
		`{"lost_events":{"source":"OBSERVER_EVENTS_QUEUE","num_events_lost":"18446744073709551615"},"node_name":"lab/n6"}` + "\n",
	}
	for range 2 {
		tr := piped(t, strings.Join(lines, ""))
		diff(t, []string{"lab/n3"}, tr.SilentNodes)
		diff(t, []audit.NodeCoverage{
			{Name: "lab/n1", Flows: 1, From: noon(), To: noon(), Note: "error: connection reset"},
			{Name: "lab/n2"},
			{Name: "lab/n3", Note: "unavailable: no route"},
			{Name: "lab/n4"},
			{Name: "lab/n5", Note: "gone"},
			{Name: "lab/n6", Lost: 18446744073709551615},
		}, tr.Nodes)
		if tr.Lost != 18446744073709551615 || tr.LostBy["OBSERVER_EVENTS_QUEUE"] != tr.Lost {
			t.Errorf("%d lost, by %v: a sum that is too large must not wrap around", tr.Lost, tr.LostBy)
		}
		if tr.BadRecords != 0 || !tr.Until.Equal(noon().Add(9*time.Second)) || !tr.Since.Equal(noon()) {
			t.Errorf("%d bad, problems %v, window %s to %s", tr.BadRecords, tr.Problems, tr.Since, tr.Until)
		}
		for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
			lines[i], lines[j] = lines[j], lines[i]
		}
	}
}

func TestAFileThatCanNotBeReadIsAProblemAndNoneAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.jsonl")
	tr := traffic(t, &Files{Paths: []string{missing, recording}})
	if tr.Flows != 69 || len(tr.Problems) != 1 || tr.Problems[0].String() != missing+": open: no such file or directory" {
		t.Errorf("%d flows, problems %v", tr.Flows, tr.Problems)
	}
	for name, f := range map[string]*Files{
		"no such file":               {Paths: []string{missing}},
		"is a directory":             {Paths: []string{t.TempDir()}},
		"no standard input":          {Paths: []string{"-"}},
		"not JSON: invalid":          {Paths: []string{write(t, "f", []byte("apiVersion: v1\n"))}},
		"not whole":                  {Paths: []string{write(t, "f", []byte{0x1f, 0x8b, 8})}},
		"no file of flows was given": {},
	} {
		_, err := f.Traffic(t.Context(), audit.Hints{})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "\nflows are what this prints: hubble observe -o jsonpb") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if tr := piped(t, ""); tr.Flows != 0 || len(tr.Problems) != 0 {
		t.Errorf("an empty input is no error: %+v", tr)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	endless := &repeating{text: []byte(line(t, delivery())), after: 1000, cancel: cancel}
	_, err := (&Files{Paths: []string{"-"}, Stdin: endless}).Traffic(ctx, audit.Hints{})
	if err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// repeating gives the same text again and again, and cancels after some times.
type repeating struct {
	text   []byte
	after  int
	cancel context.CancelFunc
}

func (r *repeating) Read(b []byte) (int, error) {
	if r.after--; r.after == 0 {
		r.cancel()
	}
	if len(b) < len(r.text) {
		return copy(b, "\n"), nil
	}
	return copy(b, r.text), nil
}

func FuzzLine(f *testing.F) {
	for l := range bytes.Lines(read(f, recording)) {
		f.Add(l)
	}
	f.Add([]byte(`{"flow":{"time":"2026-11-22T12:00:00Z","l4":{"ICMPv4":{}},"new":[{}]}}`))
	f.Fuzz(func(t *testing.T, l []byte) {
		in := newRun(Options{}, audit.Hints{}, remember(10))
		if _, err := in.takeLine(l); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
		tr := in.traffic()
		var n uint64
		for _, c := range tr.Conversations {
			n += c.Flows
		}
		if n+tr.Folded != tr.Flows {
			t.Errorf("%d flows in conversations and %d folded, want %d", n, tr.Folded, tr.Flows)
		}
	})
}
