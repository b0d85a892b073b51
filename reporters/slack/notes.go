package slack

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

const (
	notesVersion = 1
	maxNotes     = 64 << 20 // bytes, unpacked
	maxTold      = 100_000  // what is beyond is told twice rather than never
	maxCriticals = 1_000    // messages of their own that are still edited
)

// notes are what is known of our messages in one channel.
type notes struct {
	Version   int                 `json:"version"`
	ID        string              `json:"id,omitempty"` // of the channel, if it is known by its name
	Digest    standing            `json:"digest"`
	Criticals map[string]standing `json:"criticals"` // by fingerprint
	Told      map[string]bool     `json:"told"`      // fingerprints, shortened, of which the thread spoke
	List      listing             `json:"list"`
	Sent      []time.Time         `json:"sent"` // new messages of the last hour
	Pending   pending             `json:"pending,omitzero"`
}

// A standing message is one that is edited.
type standing struct {
	TS   string `json:"ts,omitempty"` // "" if it was counted and not posted
	Look string `json:"look"`         // a hash of how it was last written
	Is   string `json:"is,omitempty"` // open, resolved or accepted
	Said string `json:"said,omitempty"`
}

// A listing is the attached file.
type listing struct {
	Of   string `json:"of,omitempty"` // a hash of what it lists
	File string `json:"file,omitempty"`
	Not  string `json:"not,omitempty"` // why there is none
}

// A pending message was perhaps posted.
type pending struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
}

func newNotes() *notes {
	return &notes{Version: notesVersion, Criticals: map[string]standing{}, Told: map[string]bool{}}
}

// short is enough of a fingerprint to know it again, whoever made it.
func short(fingerprint string) string { return digestOf(fingerprint) }

// key is where a memory has the notes: two clusters may share a channel.
func key(cluster, channel string) string { return "slack/" + channel + "/" + digestOf(cluster) }

func recallNotes(ctx context.Context, m audit.Memory, key string) (*notes, error) {
	b, err := m.Recall(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("recall what stands in a slack channel: %w", err)
	}
	if len(b) == 0 {
		return nil, nil
	}
	n, err := decodeNotes(b)
	if err != nil {
		return nil, fmt.Errorf("read what stands in a slack channel: %w", err)
	}
	return n, nil
}

func decodeNotes(b []byte) (*notes, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	n := newNotes()
	if err := json.NewDecoder(io.LimitReader(z, maxNotes)).Decode(n); err != nil {
		return nil, err
	}
	if n.Version != notesVersion {
		return nil, fmt.Errorf("it has version %d, this segproof knows version %d", n.Version, notesVersion)
	}
	return n, nil
}

func (n *notes) encode() ([]byte, error) {
	n.trim()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed) // it is written around every message
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(n); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// trim forgets what is beyond the bounds: of the messages, first what is settled.
func (n *notes) trim() {
	for over, told := len(n.Told)-maxTold, slices.Sorted(maps.Keys(n.Told)); over > 0; over-- {
		delete(n.Told, told[len(told)-over])
	}
	for _, settled := range []bool{true, false} {
		for _, fp := range slices.Sorted(maps.Keys(n.Criticals)) {
			if len(n.Criticals) > maxCriticals && (n.Criticals[fp].Is != isOpen) == settled {
				delete(n.Criticals, fp)
			}
		}
	}
}

// recent counts the new messages of the last hour.
func (n *notes) recent(now time.Time) int {
	n.Sent = slices.DeleteFunc(n.Sent, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	return len(n.Sent)
}
