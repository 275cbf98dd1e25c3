{{- define "weir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "weir.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "weir.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select a component's pods: (dict "root" $ "component" "gateway"). */}}
{{- define "weir.selector" -}}
app.kubernetes.io/name: {{ include "weir.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: weir
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.serviceAccount" -}}
{{- $values := index .root.Values .component -}}
{{- if $values.serviceAccount.create -}}
{{- default (printf "%s-%s" (include "weir.fullname" .root) .component) $values.serviceAccount.name -}}
{{- else -}}
{{- required (printf "%s.serviceAccount.create is false: name the account in %s.serviceAccount.name" .component .component) $values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "weir.image" -}}
{{- $values := (index .root.Values .component).image -}}
{{- $repository := default $values.repository .repository -}}
{{- $name := ternary $repository (printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) $repository) (empty .root.Values.image.registry) -}}
{{- if $values.digest -}}
{{- printf "%s@%s" $name $values.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (coalesce $values.tag .root.Values.image.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* What every pod has beside its containers. */}}
{{- define "weir.pod" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "weir.serviceAccount" . }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if $values.topologySpreadConstraints }}
{{- toYaml $values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- $selector := include "weir.selector" . }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $selector | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "weir.podMeta" -}}
{{- $values := index .root.Values .component -}}
labels: {{- include "weir.labels" . | nindent 2 }}
{{- if and (eq .component "gateway") (eq $values.cloudIdentity "azure") }}
  azure.workload.identity/use: "true"
{{- end }}
{{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $annotations := deepCopy $values.podAnnotations }}
{{- if and .root.Values.operator.enabled (ne .component "scorer") }}
{{- $tls := include "weir.tls" .root | fromJson }}
{{- $watched := ternary $tls (pick $tls "ca.crt") (eq .component "operator") }}
{{- $annotations = set $annotations "checksum/operator-tls" ($watched | toJson | sha256sum) }}
{{- end }}
{{- with $annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The variables of OpenTelemetry, the same for every program. */}}
{{- define "weir.telemetryEnv" -}}
- name: OTEL_SERVICE_NAME
  value: {{ printf "weir-%s" .component }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)
{{- $telemetry := .root.Values.telemetry }}
{{- if $telemetry.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ $telemetry.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ $telemetry.protocol }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $telemetry.sampleRatio | quote }}
{{- with $telemetry.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: headers}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "weir.extraEnv" -}}
{{- $values := index .root.Values .component -}}
{{- with $values.extraEnv }}
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "weir.tlsSecret" -}}
{{- default (printf "%s-operator-tls" (include "weir.fullname" .)) .Values.operator.tls.existingSecret -}}
{{- end -}}

{{/* The operator's name in its certificate: what the gateway connects to. */}}
{{- define "weir.operatorHost" -}}
{{- printf "%s-operator.%s.svc" (include "weir.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* The certificate as a Secret's data: what is there already, else made once per rendering. */}}
{{- define "weir.tls" -}}
{{- if not (hasKey .Values "madeTls") -}}
{{- $host := include "weir.operatorHost" . -}}
{{- $data := (lookup "v1" "Secret" .Release.Namespace (include "weir.tlsSecret" .)).data | default dict -}}
{{- if not (and (hasKey $data "ca.crt") (hasKey $data "tls.crt") (hasKey $data "tls.key")) -}}
{{- $ca := genCA (printf "%s-operator" (include "weir.fullname" .)) 3650 -}}
{{- $made := genSignedCert $host nil (list $host (printf "%s.cluster.local" $host)) 3650 $ca -}}
{{- $data = dict "ca.crt" (b64enc $ca.Cert) "tls.crt" (b64enc $made.Cert) "tls.key" (b64enc $made.Key) -}}
{{- end -}}
{{- $_ := set .Values "madeTls" (pick $data "ca.crt" "tls.crt" "tls.key") -}}
{{- end -}}
{{- .Values.madeTls | toJson -}}
{{- end -}}

{{- define "weir.probes" -}}
livenessProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- if .ready }}
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 3
{{- end }}
startupProbe:
  httpGet: {path: {{ default "/livez" .start }}, port: {{ .port }}}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: {{ .startSeconds }}
{{- end -}}
