"""Which models the demo uses: the mock provider's, or real ones that the environment names.

Two variables choose real ones:
    OPENAI_API_KEY                                   OpenAI's own gpt-4o-mini and gpt-4o
    OPENAI_BASE_URL and WEIR_DEMO_MODELS=weak,strong any OpenAI-compatible server; the key if it
                                                     wants one
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

_KEY = "OPENAI_API_KEY"
_URL = "OPENAI_BASE_URL"
_MODELS = "WEIR_DEMO_MODELS"
_OPENAI = "https://api.openai.com/v1"
_MODELS_FILE = "models.yaml"
_POLICY_FILE = "policy.yaml"
_OPENAI_MODELS = ("gpt-4o-mini", "gpt-4o")


class BadModels(ValueError):
    """The environment variables contradict one another; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Models:
    """Two models behind one endpoint, the weak one first."""

    endpoint: str  # as the provider's SDK takes it
    names: tuple[str, str]
    key_variable: str  # whose value is the key; empty: none is sent
    real: bool


def mock_models(url: str) -> Models:
    """The mock provider at `url`."""
    return Models(f"{url}/v1", ("small", "large"), "", real=False)


def real_models(environment: Mapping[str, str]) -> Models | None:
    """The real models that the environment asks for; None where it asks for none.

    Raises BadModels.
    """
    url, key = environment.get(_URL, ""), environment.get(_KEY, "")
    if not url and not key:
        return None
    names = _names(environment.get(_MODELS, ""))
    if url and names is None:
        raise BadModels(f"With {_URL} also set {_MODELS}=WEAK,STRONG: two of that server's models.")
    endpoint = (url or _OPENAI).rstrip("/")
    return Models(endpoint, names or _OPENAI_MODELS, _KEY if key else "", real=True)


def _names(written: str) -> tuple[str, str] | None:
    if not written:
        return None
    names = [name.strip() for name in written.split(",")]
    if len(names) != 2 or not all(names):  # noqa: PLR2004 - a pair
        raise BadModels(f"{_MODELS}={written!r}: write two names, such as WEAK,STRONG")
    return names[0], names[1]


def prepare(quickstart: Path, models: Models, into: Path) -> tuple[Path, Path]:
    """Write the backends as they are for `models`; gives them and the policy's own file.

    The policy is served from where it lies, so that changes to it take effect. Raises OSError
    where the quickstart is not there.
    """
    written = into / _MODELS_FILE
    backends = list(_backends((quickstart / _MODELS_FILE).read_text(encoding="utf-8"), models))
    written.write_text(yaml.safe_dump_all(backends), encoding="utf-8")
    policy = quickstart / _POLICY_FILE
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
