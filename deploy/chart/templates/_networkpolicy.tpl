{{/* The policy of one mode for Cilium. Takes {root, mode, name}. */}}
{{- define "segproof.cnp" -}}
{{- $v := .root.Values -}}
{{- $n := $v.networkPolicy -}}
{{- $told := and $v.slack.existingSecret (ne .mode "collect") -}}
{{- $port := ternary $v.collect.port $v.watch.service.port (eq .mode "collect") -}}
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "segproof.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .mode }}
spec:
  endpointSelector:
    matchLabels:
      {{- include "segproof.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .mode }}
  ingress:
    {{- if and (ne .mode "audit") $n.readers }}
    {{- range $n.readers }}
    - fromEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: {{ .namespace }}
            {{- with .podLabels }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      toPorts:
        - ports: [{port: {{ $port | quote }}, protocol: TCP}]
    {{- end }}
    {{- else }}
    # Nobody. Probes come from the node, which may always.
    - {}
    {{- end }}
  egress:
    - toEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: {{ $n.dns.namespace }}
            {{- toYaml $n.dns.podLabels | nindent 12 }}
      toPorts:
        - ports:
            {{- range $n.dns.ports }}
            - {port: {{ . | quote }}, protocol: UDP}
            - {port: {{ . | quote }}, protocol: TCP}
            {{- end }}
          {{- if $told }}
          # Cilium learns Slack's addresses from the answers it sees.
          rules:
            dns: [{matchPattern: "*"}]
          {{- end }}
    {{- if ne .mode "collect" }}
    - toEntities: [kube-apiserver]
      toPorts:
        - ports:
            {{- range $n.apiServer.ports }}
            - {port: {{ . | quote }}, protocol: TCP}
            {{- end }}
    {{- if include "segproof.live" .root }}
    - toEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: {{ $n.relay.namespace }}
            {{- toYaml $n.relay.podLabels | nindent 12 }}
      toPorts:
        - ports: [{port: {{ $n.relay.port | quote }}, protocol: TCP}]
    {{- end }}
    {{- end }}
    {{- with $v.store.postgres }}
    {{- if .url }}
    {{- if .namespace }}
    - toEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: {{ .namespace }}
            {{- with .podLabels }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
    {{- else }}
    - toCIDR: [{{ .cidr | quote }}]
    {{- end }}
      toPorts:
        - ports: [{port: {{ .port | quote }}, protocol: TCP}]
    {{- end }}
    {{- end }}
    {{- if $told }}
    - toFQDNs:
        {{- range $n.slack.names }}
        - {{ ternary "matchPattern" "matchName" (contains "*" .) }}: {{ . | quote }}
        {{- end }}
      toPorts:
        - ports: [{port: "443", protocol: TCP}]
    {{- end }}
    {{- with $n.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The same with what NetworkPolicy can say. */}}
{{- define "segproof.np" -}}
{{- $v := .root.Values -}}
{{- $n := $v.networkPolicy -}}
{{- $told := and $v.slack.existingSecret (ne .mode "collect") -}}
{{- $port := ternary $v.collect.port $v.watch.service.port (eq .mode "collect") -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "segproof.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .mode }}
spec:
  podSelector:
    matchLabels:
      {{- include "segproof.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .mode }}
  policyTypes: [Ingress, Egress]
  {{- if and (ne .mode "audit") $n.readers }}
  ingress:
    - from:
        {{- range $n.readers }}
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}}
          {{- with .podLabels }}
          podSelector: {matchLabels: {{ toJson . }}}
          {{- end }}
        {{- end }}
      ports: [{port: {{ $port }}, protocol: TCP}]
  {{- end }}
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ $n.dns.namespace }}}}
          podSelector: {matchLabels: {{ toJson $n.dns.podLabels }}}
      ports:
        {{- range $n.dns.ports }}
        - {port: {{ . }}, protocol: UDP}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- if ne .mode "collect" }}
    - to:
        {{- range $n.apiServer.cidrs }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
      ports:
        {{- range $n.apiServer.ports }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- if include "segproof.live" .root }}
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ $n.relay.namespace }}}}
          podSelector: {matchLabels: {{ toJson $n.relay.podLabels }}}
      ports: [{port: {{ $n.relay.port }}, protocol: TCP}]
    {{- end }}
    {{- end }}
    {{- with $v.store.postgres }}
    {{- if .url }}
    - to:
        {{- if .namespace }}
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}}
          {{- with .podLabels }}
          podSelector: {matchLabels: {{ toJson . }}}
          {{- end }}
        {{- else }}
        - ipBlock: {cidr: {{ .cidr | quote }}}
        {{- end }}
      ports: [{port: {{ .port }}, protocol: TCP}]
    {{- end }}
    {{- end }}
    {{- if $told }}
    - to:
        {{- range $n.slack.cidrs }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
      ports: [{port: 443, protocol: TCP}]
    {{- end }}
    {{- with $n.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
