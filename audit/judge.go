package audit

// Judgement is what the traffic proves of the declared policies.
type Judgement struct {
	Ends     []Judged
	Unjudged map[string]uint64 // why → flows that were held against nothing
}

// Judged is one end of one conversation, held against the declared policies.
type Judged struct {
	*Conversation
}

// Judge is a placeholder until written below.
func Judge(s *Snapshot, engine Engine) *Judgement { return &Judgement{} }
