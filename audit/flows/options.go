package flows

import "cmp"

// Options bound what is kept. The zero value of each means the default.
type Options struct {
	// Conversations is how many are kept. Those that prove nothing go first;
	// their flows are counted in Traffic.Folded. Default 200,000.
	Conversations int
	// Addresses is how many pairs of addresses are kept apart among
	// conversations that are the same otherwise; the others are one
	// conversation without an address. Default 64.
	Addresses int
	// LabelSets is how many different sets of labels are known. Default 100,000.
	LabelSets int
	// Remembered is how many flows are remembered, so that one that comes again
	// is not counted again. Default 1,000,000.
	Remembered int
}

func (o Options) filled() Options {
	return Options{
		Conversations: cmp.Or(o.Conversations, 200_000),
		Addresses:     cmp.Or(o.Addresses, 64),
		LabelSets:     cmp.Or(o.LabelSets, 100_000),
		Remembered:    cmp.Or(o.Remembered, 1_000_000),
	}
}

// Bounds that nobody needs to change.
const (
	maxSeats      = 200_000  // pods with their labels
	maxOutcomes   = 50_000   // different in event, verdict, reason, policies named
	maxNodes      = 10_000   // whose coverage is told apart
	maxClusters   = 256      // named
	maxLabelBytes = 64 << 20 // of all label sets
	maxRelabelled = 10_000
	maxLabelSets  = 8   // of one pod
	maxNames      = 5   // DNS names in a sample
	maxText       = 256 // runes of a text in a sample
	maxName       = 512 // bytes of a name in a record
	maxLabels     = 512 // labels of one end
	maxLabel      = 8 << 10
	maxPolicies   = 256 // named by one verdict
)
