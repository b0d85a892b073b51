{{/*
What must wake somebody: Segproof not auditing, not seeing, or not telling. Findings are told by its reporters. Takes
the selectors of the metrics of who audits and of who receives flows, {audits, receives, collects}; either may be "".
*/}}
{{- define "segproof.alerts" -}}
{{- with .audits }}
- alert: SegproofAbsent
  expr: absent(segproof_leader{{ . }})
  for: 15m
  severity: warning
  summary: Segproof is not there.
  description: No replica is scraped. Nothing compares declared policy with what is carried.
- alert: SegproofNobodyLeads
  expr: sum(segproof_leader{{ . }}) < 1
  for: 10m
  severity: warning
  summary: No replica of Segproof audits.
  description: Nobody holds the Lease. See the logs for "lease", and the right to get, create and update it.
- alert: SegproofNoAudit
  expr: time() - max(segproof_last_success_timestamp_seconds{{ . }}) > 7200
  for: 15m
  severity: warning
  summary: Segproof has completed no audit for two hours.
  description: The last report is old. See the logs, and segproof_audits_total by outcome.
- alert: SegproofCannotTell
  expr: sum by (target) (increase(segproof_target_send_total{{ . | trimSuffix "}" }},status="failed"}[1h])) > 0 unless sum by (target) (increase(segproof_target_send_total{{ . | trimSuffix "}" }},status="ok"}[1h])) > 0
  for: 15m
  severity: warning
  summary: Segproof reaches {{ "{{ $labels.target }}" }} no more.
  description: For an hour every report was refused. What was not told is kept and told later.
{{- end }}
{{- if .collects }}
- alert: SegproofCollectorAway
  expr: min(up{{ .receives }}) < 1
  for: 15m
  severity: warning
  summary: A collector of Segproof can't be scraped.
  description: Nobody receives the flows of its node. See its pod, and the agent's Hubble socket.
- alert: SegproofCollectorSeesNoFlows
  expr: min(segproof_stream_connected_nodes{{ .receives }}) < 1
  for: 15m
  severity: warning
  summary: A collector of Segproof receives no flows.
  description: See its log, and whether its group may open the agent's Hubble socket.
{{- else if .receives }}
- alert: SegproofSeesNoFlows
  expr: max(segproof_stream_connected_nodes{{ .receives }}) < 1
  for: 15m
  severity: warning
  summary: Segproof receives flows of no node.
  description: Only what is declared is audited. See Hubble Relay, its certificate, and the network policy.
{{- end }}
{{- with .receives }}
- alert: SegproofFlowsLost
  expr: sum(rate(segproof_flows_lost_total{{ . }}[30m])) / (sum(rate(segproof_flows_received_total{{ . }}[30m])) + sum(rate(segproof_flows_lost_total{{ . }}[30m]))) > 0.05
  for: 30m
  severity: info
  summary: More than one flow in twenty is lost.
  description: Findings that rest on silence are withheld. Raise hubble.eventBufferCapacity and hubble.eventQueueSize of Cilium.
- alert: SegproofNoRoom
  expr: sum(increase(segproof_flows_folded_total{{ . }}[1h])) > 0
  for: 15m
  severity: info
  summary: Segproof has no room for more conversations.
  description: Flows are only counted. Raise its memory limit.
- alert: SegproofCannotStore
  expr: sum(increase(segproof_store_failures_total{{ . }}[15m])) > 0
  for: 15m
  severity: warning
  summary: Segproof cannot store what it sees.
  description: It is kept in memory and tried again. See the store, its password file and the network policy.
{{- end }}
{{- end -}}
