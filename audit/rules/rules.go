// Package rules holds what is looked for: one file a rule, one list of all.
//
// # Design
//
// A rule is a value. It sees a frozen snapshot and what [audit.Judge] made of
// it, and can do nothing but report findings. The numbers of its id say its
// family: 1 enforcement, 2 coverage, 4 flows against policy, 6 Kyverno,
// 7 evidence. README.md here is generated from the rules and their archives.
package rules

import "github.com/segproof/segproof/audit"

// All is every rule there is, by id.
var All = []*audit.Rule{
	DenyForwarded,
	AuditMode,
	NoDefaultDenyIngress,
	NoDefaultDenyEgress,
	DropGap,
	DNSDropped,
	DenyProven,
	KyvernoReportFail,
	KyvernoAuditMode,
	KyvernoGenerateMissing,
	EvidenceLossy,
	EvidenceWindowShort,
}
