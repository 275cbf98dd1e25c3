"""Write docs/configuration.md from the programs' own settings; a contract test fails on drift."""

import sys
from pathlib import Path

from weir_gateway.settings import Settings as Gateway
from weir_operator.settings import Settings as Operator
from weir_runtime.settings import document
from weir_scorer.settings import Settings as Scorer

TARGET = Path(__file__).with_name("configuration.md")

HEAD = """\
# Configuration

Each program reads its settings from the environment once, at start. An empty variable counts as
not set. An invalid one ends the program with exit status 2 and a line that names it and says what
to write. Durations are written `250ms`, `10s` or `1m30s`, sizes `512KiB` or
`16MiB`, addresses `host:port` or `unix:///path`.

This page is generated from the settings themselves (`make docs`).
"""

TELEMETRY = """\
## Telemetry, in every program

OpenTelemetry's standard variables configure the export of traces and metrics. Without them nothing
is exported; Prometheus can always read `/metrics` on the admin port.

| variable | default | what it does here |
|---|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT` | | where traces and metrics go; also per signal |
| `OTEL_EXPORTER_OTLP_PROTOCOL` | `grpc` | `grpc`, or `http/protobuf` with the extra `otlp-http` |
| `OTEL_TRACES_SAMPLER` | `parentbased_traceidratio` | any standard sampler |
| `OTEL_TRACES_SAMPLER_ARG` | `0.01` | share of new traces; callers decide for theirs |
| `OTEL_METRIC_EXPORT_INTERVAL` | `60000` | milliseconds between two exports of metrics |
| `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the program's name | its source |
| `OTEL_SDK_DISABLED` | `false` | `true` exports nothing |
"""


def render() -> str:
    """The page."""
    programs = (("weir-gateway", Gateway), ("weir-scorer", Scorer), ("weir-operator", Operator))
    tables = (f"## {name}\n\n{document(settings)}\n" for name, settings in programs)
    return "\n".join((HEAD, *tables, TELEMETRY))


def main() -> int:
    """Write it."""
    TARGET.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
