// Package trigger says when to audit: on a schedule, and when what is declared
// has changed. It knows nothing of what an audit is. All ring one [Bell]; many
// rings are one run.
package trigger
