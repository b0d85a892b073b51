// Package e2e holds Segproof's command against the real servers that it audits.
// Each test is named by the sentence that it proves; test/README.md says how to
// run them.
package e2e
