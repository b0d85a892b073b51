// Package rules holds what is looked for: one file a rule, one list of all.
//
// # Design
//
// A rule is a value. It sees a frozen snapshot and what [audit.Judge] made of
// it, and can do nothing but report findings. The numbers of its id say its
// family: 1 enforcement, 2 coverage, 3 how policies are written, 4 flows against
// policy, 5 layer 7, 6 Kyverno, 7 evidence. README.md here is generated from the
// rules and their archives.
package rules

import "github.com/segproof/segproof/audit"

// All is every rule there is, by id.
var All = []*audit.Rule{
	DenyForwarded,
	AuditMode,
	CNINone,
	ModeNever,
	PolicyInvalid,
	UnmanagedPod,
	NodeSplit,
	StartupLeak,
	ConntrackSurvivor,
	HostNetwork,
	PolicyInvalidYetEnforced,
	NoDefaultDenyIngress,
	NoDefaultDenyEgress,
	PodUnselected,
	LabelEscape,
	DenyOff,
	WorldOpen,
	WorldOpenPort,
	AndOrTrap,
	DanglingTarget,
	DanglingPeer,
	InclusterCIDR,
	NamedPortMiss,
	DenyImpliesDefault,
	Shadowed,
	DNSTooWide,
	PolicyTypesOmitted,
	UnlistedDirection,
	ToServicesOpen,
	FilteredLabel,
	BaselineOpens,
	ForeignNamespace,
	MatchesNothing,
	DropGap,
	DNSDropped,
	DenyProven,
	PlatformDropped,
	UnusedAllow,
	OverbroadAllow,
	CrossTenant,
	IMDS,
	WorldEgressNew,
	SensitivePort,
	ScanPattern,
	PathFullMatch,
	PathPrefixSuspect,
	ShadowedByL4,
	L7NotApplied,
	L7OffBoundary,
	KyvernoReportFail,
	KyvernoAuditMode,
	KyvernoGenerateMissing,
	KyvernoEnforceOff,
	KyvernoBaselineInvalid,
	KyvernoGenerateInvalid,
	KyvernoReportStale,
	KyvernoExceptionRisk,
	KyvernoFailOpen,
	KyvernoLegacyAPI,
	KyvernoMutateAbsent,
	EvidenceLossy,
	EvidenceWindowShort,
	ExceptionUnused,
	ExceptionExpired,
}
