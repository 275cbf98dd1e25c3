"""The quickstart's backends pointed at the models that the demo really has."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

from weir_cli.demonstration.models import Models

_MODELS = "models.yaml"
_POLICY = "policy.yaml"


def prepare(quickstart: Path, models: Models, into: Path) -> tuple[Path, Path]:
    """Write the backends as they are for `models`; gives them and the policy's own file.

    The policy is served from where it lies, so that a change to it comes into force. Raises OSError
    where the quickstart is not there.
    """
    written = into / _MODELS
    backends = list(_backends((quickstart / _MODELS).read_text(encoding="utf-8"), models))
    written.write_text(yaml.safe_dump_all(backends), encoding="utf-8")
    policy = quickstart / _POLICY
    policy.stat()
    return written, policy


def _backends(text: str, models: Models) -> Iterator[dict[str, object]]:
    """The documents with endpoint, model and key replaced; the weak one stands first."""
    for document, name in zip(yaml.safe_load_all(text), models.names, strict=True):
        backend = cast("dict[str, object]", document)
        spec = dict(cast("dict[str, object]", backend["spec"]))
        spec |= {"endpoint": models.endpoint, "model": name}
        if models.key_variable:
            spec["auth"] = {"env": models.key_variable}
        yield {**backend, "spec": spec}
