package audit

import (
	"context"
	"time"
)

// A Memory keeps small things across restarts: what a reporter was last told,
// which message it edits.
type Memory interface {
	// Recall returns nil if nothing is remembered under the key.
	Recall(ctx context.Context, key string) ([]byte, error)
	// Remember replaces what is remembered; nil forgets.
	Remember(ctx context.Context, key string, value []byte) error
}

// A Keeper keeps conversations across restarts, and shares them between those
// who follow flows and those who audit.
type Keeper interface {
	// Keep stores a batch as one: wholly or not at all. The same batch again
	// changes nothing. After an error nobody knows which it was: the batch, or a
	// later one that holds its conversations, is to be kept again.
	Keep(context.Context, Batch) error
	// Kept returns everything stored that lasted until since or later, of all
	// writers, merged.
	Kept(ctx context.Context, since time.Time) (*Traffic, error)
	// Resume says up to when each node's flows are stored, by node.
	Resume(context.Context) (map[string]time.Time, error)
}

// A Batch is what one writer has to store: the conversations that grew since
// the last batch, each as large as the writer knows it, and its coverage. Each
// replaces what the same writer stored of it before: a writer that has forgotten
// a conversation must not meet it again on the day (in UTC) of its last flow,
// or what was stored of it is lost. Who remembers for 24 hours is safe.
type Batch struct {
	Writer        string // one for every start of a process, so that nobody else writes its rows
	Conversations []Conversation
	Coverage      Traffic // without conversations: of all that this writer saw
}
