"""Which OTLP exporters the standard OTEL_* variables ask for. Endpoints, headers, TLS and
timeouts the SDK's exporters read from the same variables themselves.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Protocol

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from weir_runtime.settings import SettingsError

_HTTP = "http/protobuf"
_HTTP_EXPORTER = "opentelemetry.exporter.otlp.proto.http"


class MetricSink(Protocol):
    """The part of the SDK's metric exporters that Weir uses."""

    def export(self, metrics_data: MetricsData, /) -> object:
        """Send one snapshot; blocks up to the exporter's own timeout."""
        ...

    def shutdown(self) -> None:
        """Give the connection back."""
        ...


class LogSink(Protocol):
    """The part of the SDK's log exporters that Weir uses."""

    def export(self, batch: Sequence[ReadableLogRecord], /) -> object:
        """Send records; blocks up to the exporter's own timeout. Gives how it went."""
        ...

    def shutdown(self) -> None:
        """Give the connection back, and give up what is being tried again."""
        ...


def check_protocols(variables: Mapping[str, str]) -> None:
    """Raise SettingsError where a protocol is asked for whose exporter isn't installed.

    The gRPC exporter is always there. The HTTP one is the extra `otlp-http`.
    """
    wanted = [signal for signal in ("TRACES", "METRICS", "LOGS") if _wanted(variables, signal)]
    if any(_protocol(variables, signal) == _HTTP for signal in wanted) and not _has_http():
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf needs the HTTP exporter: use grpc (port "
            "4317 of a collector), or install 'weir-gateway[otlp-http]' (images: build them with "
            "--build-arg OTLP_HTTP=1)"
        )


def _has_http() -> bool:
    try:
        return find_spec(_HTTP_EXPORTER) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def span_processor(variables: Mapping[str, str]) -> SpanProcessor | None:
    """A batching processor (bounded by OTEL_BSP_*) over the exporter, or None."""
    if not _wanted(variables, "TRACES"):
        return None
    return BatchSpanProcessor(_span_exporter(_protocol(variables, "TRACES")))


def metric_exporter(variables: Mapping[str, str]) -> MetricSink | None:
    """The exporter metrics go to, or None."""
    if not _wanted(variables, "METRICS"):
        return None
    if _protocol(variables, "METRICS") == _HTTP:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
            OTLPMetricExporter as HttpExporter,
        )

        return HttpExporter()
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
        OTLPMetricExporter as GrpcExporter,
    )

    return GrpcExporter()


def log_exporter(variables: Mapping[str, str]) -> LogSink:
    """The exporter of log records; call it only where logs are exported."""
    if _protocol(variables, "LOGS") == _HTTP:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
            OTLPLogExporter as HttpExporter,
        )

        return HttpExporter()
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
        OTLPLogExporter as GrpcExporter,
    )

    return GrpcExporter()


def _span_exporter(protocol: str) -> SpanExporter:
    if protocol == _HTTP:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
            OTLPSpanExporter as HttpExporter,
        )

        return HttpExporter()
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - only the protocol in use is loaded
        OTLPSpanExporter as GrpcExporter,
    )

    return GrpcExporter()


def _wanted(variables: Mapping[str, str], signal: str) -> bool:
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = variables.get(f"OTEL_{signal}_EXPORTER")
    if exporter is not None and exporter != "otlp":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return exporter == "otlp" or any(variables.get(name) for name in endpoints)


def _protocol(variables: Mapping[str, str], signal: str) -> str:
    general = variables.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "grpc"
    return variables.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or general
