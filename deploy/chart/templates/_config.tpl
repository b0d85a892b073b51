{{/* The configuration file: what is made of the values, and then the value config over it. */}}
{{- define "segproof.config" -}}
{{- $v := .Values -}}
{{- $hubble := dict "address" (include "segproof.live" .) -}}
{{- if and (include "segproof.live" .) $v.hubble.tls.existingSecret -}}
  {{- $tls := dict "ca" "/etc/segproof/hubble/ca.crt" "serverName" $v.hubble.tls.serverName -}}
  {{- if $v.hubble.tls.mutual -}}
    {{- $_ := set $tls "cert" "/etc/segproof/hubble/tls.crt" -}}
    {{- $_ := set $tls "key" "/etc/segproof/hubble/tls.key" -}}
  {{- end -}}
  {{- $_ := set $hubble "tls" $tls -}}
{{- end -}}
{{- $c := dict "apiVersion" "segproof.dev/v1" "kind" "Config" "cluster" $v.cluster "hubble" $hubble -}}
{{- if $v.slack.existingSecret -}}
  {{- if eq $v.slack.key "webhook" -}}
    {{- $_ := set $c "slack" (dict "webhookFile" "/etc/segproof/slack/webhook") -}}
  {{- else -}}
    {{- $_ := set $c "slack" (dict "tokenFile" "/etc/segproof/slack/token" "channel" $v.slack.channel) -}}
  {{- end -}}
{{- end -}}
{{- $lease := dict "enabled" (gt (int $v.watch.replicas) 1) "namespace" .Release.Namespace "name" (include "segproof.watch" .) -}}
{{- $watch := dict "listen" (printf ":%d" (int $v.watch.service.port)) "leaderElection" $lease -}}
{{- with $v.watch.schedule }}{{ $_ := set $watch "schedule" . }}{{ end -}}
{{- $_ := set $c "watch" $watch -}}
{{- $_ := set $c "failOn" $v.cronjob.failOn -}}
{{- if $v.openReports.enabled }}{{ $_ := set $c "openreports" (dict "enabled" true) }}{{ end -}}
{{- with include "segproof.store" . }}{{ $_ := set $c "store" (dict "url" .) }}{{ end -}}
{{- toYaml (mergeOverwrite $c $v.config) -}}
{{- end -}}

{{/* Relay, or nothing where conversations come from the store, which collectors fill. */}}
{{- define "segproof.live" -}}
{{- if not .Values.collect.enabled }}{{ .Values.hubble.address }}{{ end -}}
{{- end -}}

{{/* The store that all modes share, or nothing. */}}
{{- define "segproof.store" -}}
{{- $p := .Values.store.postgres -}}
{{ $p.url }}
{{- if and $p.url $p.existingSecret -}}
{{ ternary "&" "?" (contains "?" $p.url) }}passfile=/etc/segproof/store/pgpass
{{- end -}}
{{- end -}}

{{/* What does not fit together, and is not for the schema to say. */}}
{{- define "segproof.check" -}}
{{- $v := .Values -}}
{{- if and $v.slack.existingSecret (eq $v.slack.key "token") (not $v.slack.channel) -}}
  {{- fail "slack.existingSecret holds a bot token, and slack.channel says not where to\nset slack.channel, or slack.key: webhook" -}}
{{- end -}}
{{- if and $v.watch.enabled $v.watch.persistence.existingClaim (gt (int $v.watch.replicas) 1) -}}
  {{- fail "watch.persistence.existingClaim is one SQLite file, and watch.replicas is more than 1\nset watch.replicas: 1, or store.postgres" -}}
{{- end -}}
{{- if and $v.openReports.enabled (not $v.watch.enabled) -}}
  {{- fail "openReports.enabled is for the daemon, which alone writes into the cluster\nset watch.enabled, or let an audit write a file: segproof audit --openreports FILE" -}}
{{- end -}}
{{- if and $v.collect.enabled (not $v.store.postgres.url) -}}
  {{- fail "collect.enabled needs a store that all nodes share\nset store.postgres" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (eq $v.networkPolicy.flavor "kubernetes") -}}
  {{- if not $v.networkPolicy.apiServer.cidrs -}}
    {{- fail "networkPolicy.flavor kubernetes can't name the API server: our own policy would cut us off\nset networkPolicy.apiServer.cidrs to its addresses, or networkPolicy.flavor: cilium" -}}
  {{- end -}}
  {{- if and $v.slack.existingSecret (not $v.networkPolicy.slack.cidrs) -}}
    {{- fail "networkPolicy.flavor kubernetes can't name Slack\nset networkPolicy.slack.cidrs to your proxy's addresses, or networkPolicy.flavor: cilium" -}}
  {{- end -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.store.postgres.url (not $v.store.postgres.namespace) (not $v.store.postgres.cidr) -}}
  {{- fail "store.postgres.url is set, and our own network policy would cut us off from it\nset store.postgres.namespace and podLabels, or store.postgres.cidr" -}}
{{- end -}}
{{- end -}}
