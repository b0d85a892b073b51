package policy

import "github.com/segproof/segproof/audit"

// A truth is the answer to whether something holds. The order is meant: of two
// conditions that must both hold the lower one counts, of two that are
// alternatives the higher one.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

func truly(b bool) truth {
	if b {
		return yes
	}
	return no
}

// Indices of what is kept for each direction.
const (
	ingress = 0
	egress  = 1
)

func index(d audit.Direction) int {
	if d == audit.Egress {
		return egress
	}
	return ingress
}
