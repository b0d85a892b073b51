{{/* What all pods have in common. Takes {root, account, token}. */}}
{{- define "segproof.pod" -}}
{{- $v := .root.Values -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: {{ .token }}
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The container's image and security. */}}
{{- define "segproof.container" -}}
image: {{ include "segproof.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}

{{/* What every mode mounts. Of Secrets only the keys that are used, and only our group may read them. */}}
{{- define "segproof.mounts" -}}
- {name: config, mountPath: /etc/segproof/config, readOnly: true}
{{- if .Values.store.postgres.existingSecret }}
- {name: store, mountPath: /etc/segproof/store, readOnly: true}
{{- end }}
{{- end -}}

{{- define "segproof.volumes" -}}
- name: config
  configMap: {name: {{ include "segproof.fullname" . }}}
{{- with .Values.store.postgres.existingSecret }}
- name: store
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: pgpass, path: pgpass}
{{- end }}
{{- end -}}

{{/* What those mount that audit: who asks Relay, and who tells Slack. */}}
{{- define "segproof.toldMounts" -}}
{{- if and (include "segproof.live" .) .Values.hubble.tls.existingSecret }}
- {name: hubble-tls, mountPath: /etc/segproof/hubble, readOnly: true}
{{- end }}
{{- if .Values.slack.existingSecret }}
- {name: slack, mountPath: /etc/segproof/slack, readOnly: true}
{{- end }}
{{- end -}}

{{- define "segproof.toldVolumes" -}}
{{- with .Values.hubble.tls }}
{{- if and (include "segproof.live" $) .existingSecret }}
- name: hubble-tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
      {{- if .mutual }}
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.slack }}
{{- if .existingSecret }}
- name: slack
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .key }}, path: {{ .key }}}
{{- end }}
{{- end }}
{{- end -}}
