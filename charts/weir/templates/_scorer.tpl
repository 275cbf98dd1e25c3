{{/* The scorer's container without its name and its place: (dict "root" $ "component" "scorer" "listen" ... "admin" ... ). */}}
{{- define "weir.scorerContainer" -}}
{{- $scorer := .root.Values.scorer -}}
image: {{ include "weir.image" (dict "root" .root "component" "scorer" "repository" (ternary $scorer.image.gpuRepository $scorer.image.repository $scorer.gpu.enabled)) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  - name: WEIR_SCORER_LISTEN
    value: {{ .listen | quote }}
  - name: WEIR_SCORER_ADMIN
    value: {{ printf "0.0.0.0:%d" (int .admin) | quote }}
  - name: WEIR_SCORER_BUNDLE
    value: {{ $scorer.bundle | quote }}
  - name: WEIR_SCORER_DEVICE
    value: {{ ternary $scorer.gpu.device "cpu" $scorer.gpu.enabled }}
  - name: WEIR_LOG_LEVEL
    value: {{ $scorer.logLevel }}
  {{- include "weir.telemetryEnv" . | nindent 2 }}
  {{- include "weir.extraEnv" . }}
{{- with $scorer.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $resources := deepCopy $scorer.resources -}}
{{- if $scorer.gpu.enabled -}}
{{- $gpu := dict $scorer.gpu.resource $scorer.gpu.count -}}
{{- $resources = mustMergeOverwrite $resources (dict "limits" $gpu "requests" $gpu) -}}
{{- end }}
resources: {{- toYaml $resources | nindent 2 }}
securityContext: {{- include "weir.containerSecurity" . | nindent 2 }}
{{- end -}}

{{- define "weir.scorerVolumes" -}}
- name: scorer-tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .Values.scorer.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.scorerMounts" -}}
- name: scorer-tmp
  mountPath: /tmp
{{- with .Values.scorer.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
