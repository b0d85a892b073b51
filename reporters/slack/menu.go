package slack

import "regexp"

// The names by which Slack tells us what was pressed.
const (
	blockPrefix = "finding-"
	menuAction  = "segproof_menu"
	doExplain   = "explain"
	doAccept    = "accept"
)

// fingerprint is what ours look like; others get no buttons.
var fingerprint = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
