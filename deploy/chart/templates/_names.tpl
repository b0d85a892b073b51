{{- define "segproof.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "segproof.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "segproof.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "segproof.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The CronJob has the plain name; the others carry their mode. */}}
{{- define "segproof.watch" -}}{{ include "segproof.fullname" . }}-watch{{- end -}}
{{- define "segproof.collect" -}}{{ include "segproof.fullname" . }}-collect{{- end -}}

{{/* A key of ours wins over one of global.labels: none may be there twice. */}}
{{- define "segproof.labels" -}}
{{- $own := include "segproof.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "segproof" -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge $own .Values.global.labels) -}}
{{- end -}}

{{/* The same with more. Takes {root, labels}; what is said last wins. */}}
{{- define "segproof.labelsWith" -}}
{{- toYaml (mergeOverwrite (include "segproof.labels" .root | fromYaml) .labels) -}}
{{- end -}}

{{- define "segproof.selector" -}}
app.kubernetes.io/name: {{ include "segproof.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "segproof.image" -}}
{{- $i := .Values.image -}}
{{ with $i.registry }}{{ . }}/{{ end }}{{ $i.repository }}
{{- if $i.digest }}@{{ $i.digest }}{{ else }}:{{ $i.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}
