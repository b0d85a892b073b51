// Package bench measures Segproof's policy engine beside Cilium's own, in one
// run, on the same policies, identities and questions. See README.md for the
// figures and for what exactly is measured.
package bench
