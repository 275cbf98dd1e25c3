"""What Helm makes of our charts, as plain objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.cluster.client import Client

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "weir"
EVERYTHING = (
    "scorer.mode=service",
    "scorer.autoscaling.enabled=true",
    "gateway.autoscaling.enabled=true",
    "gateway.autoscaling.inFlight=50",
    "gateway.redis.url=rediss://weir@redis.cache:6379/0",
    "gateway.redis.existingSecret=redis",
    "gateway.redis.caKey=ca.crt",
    "gateway.batches.existingClaim=batches",
    "gateway.extproc.enabled=true",
    "operator.replicas=2",
    "operator.watchNamespaces={shop,support}",
    "telemetry.endpoint=http://collector.observability:4317",
    "telemetry.headersSecret=collector",
    "monitoring.podMonitor.enabled=true",
    "monitoring.serviceMonitor.enabled=true",
    "monitoring.prometheusRule.enabled=true",
    "monitoring.dashboard.enabled=true",
)
GPU = ("scorer.mode=service", "scorer.gpu.enabled=true", "scorer.gpu.runtimeClassName=nvidia")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A chart's objects."""

    objects: tuple[dict[str, Any], ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All of one kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The one with this name."""
        (found,) = (each for each in self.of(kind) if each["metadata"]["name"] == name)
        return found

    def pods(self) -> Iterator[dict[str, Any]]:
        """The pod specs of all Deployments and hooks."""
        for each in self.of("Deployment"):
            yield each["spec"]["template"]["spec"]
        for each in self.of("Pod"):
            yield each["spec"]

    def containers(self) -> Iterator[dict[str, Any]]:
        """Every container of every pod, sidecars too."""
        for pod in self.pods():
            yield from pod["containers"]
            yield from pod.get("initContainers", ())


def options(settings: tuple[str, ...]) -> list[str]:
    """`--set` for each of `settings`."""
    return [part for each in settings for part in ("--set", each)]


def render(helm: Client, *settings: str, release: str = "weir") -> Rendered:
    """`helm template` of the chart weir."""
    text = helm.helm("template", release, str(CHART), *options(settings))
    return Rendered(tuple(each for each in yaml.safe_load_all(text) if each))


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """A container's variables that are written out."""
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
