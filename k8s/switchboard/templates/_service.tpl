{{/*
Every template of this chart loops over the blocks of .Values.services; these are what they share.
*/}}

{{/* The blocks that are switched on, each completed from .Values.defaults, as YAML. */}}
{{- define "switchboard.services" -}}
{{- $services := dict -}}
{{- range $name, $block := .Values.services -}}
{{- $service := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy $block) -}}
{{- if $service.enabled -}}
{{- $_ := set $service "image" (default $name $service.image) -}}
{{- $_ := set $services $name $service -}}
{{- end -}}
{{- end -}}
{{- toYaml $services -}}
{{- end -}}

{{/* Labels that never change: selectors are immutable. Takes the service's name. */}}
{{- define "switchboard.selector" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: switchboard
{{- end -}}

{{/* All labels. Takes a dict of root and name. */}}
{{- define "switchboard.labels" -}}
{{ include "switchboard.selector" .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Takes a dict of root and image. */}}
{{- define "switchboard.image" -}}
{{ .root.Values.image.registry }}/{{ .image }}:{{ default .root.Chart.AppVersion .root.Values.image.tag }}
{{- end -}}

{{/* The variable behind a key of the Secret: short keys stand for settings without a short name. */}}
{{- define "switchboard.variable" -}}
{{- if eq . "VAULT_KEYS" -}}SWITCHBOARD__VAULT__KEYS
{{- else if eq . "API_KEY_PEPPER" -}}SWITCHBOARD__GATEWAY__API_KEY_PEPPER
{{- else if eq . "MEDIA_SECRET_KEY" -}}SWITCHBOARD__MEDIA__SECRET_KEY
{{- else if eq . "INTERNAL_KEY" -}}SWITCHBOARD__MANAGER__INTERNAL_KEY
{{- else -}}{{ . }}
{{- end -}}
{{- end -}}

{{/* Environment entries from the Secret. Takes a dict of root, keys and optional. */}}
{{- define "switchboard.secretEnvironment" -}}
{{- range .keys }}
- name: {{ include "switchboard.variable" . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.root.Values.secretName }}
      key: {{ . }}
      optional: {{ $.optional }}
{{- end }}
{{- end -}}

{{- define "switchboard.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "switchboard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "switchboard.mediaClaim" -}}
{{ default "switchboard-media" .Values.media.existingClaim }}
{{- end -}}

{{/* Environment entries that say where files are, when they are in an object storage. */}}
{{- define "switchboard.bucket" -}}
- { name: SWITCHBOARD__MEDIA__ROOT, value: {{ .Values.media.bucket | quote }} }
- { name: SWITCHBOARD__MEDIA__ENDPOINT, value: {{ .Values.media.endpoint | quote }} }
- { name: SWITCHBOARD__MEDIA__REGION, value: {{ .Values.media.region | quote }} }
- { name: SWITCHBOARD__MEDIA__ACCESS_KEY_ID, value: {{ .Values.media.accessKeyId | quote }} }
{{- include "switchboard.secretEnvironment" (dict "root" . "keys" (list "MEDIA_SECRET_KEY") "optional" true) }}
{{- end -}}
