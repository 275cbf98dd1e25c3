"""The stand-in's own books: what it was asked and what it answered, for checking accounts."""

from dataclasses import asdict, dataclass, field

from weir_cli.mock_provider.json_fields import Json, Object

_MOST_MODELS = 1000
_OTHERS = "(others)"  # models beyond the bound share one line


@dataclass(slots=True)
class ModelStats:
    """One model's sums."""

    requests: int = 0
    failed: int = 0
    aborted: int = 0  # the client went away before the end
    prompt_tokens: int = 0
    completion_tokens: int = 0
    batch_requests: int = 0  # items of batches, which stand in no other column
    batch_failed: int = 0
    batch_prompt_tokens: int = 0
    batch_completion_tokens: int = 0


@dataclass(slots=True)
class RequestStats:
    """Sums per model since the start or the last DELETE; at most a thousand models."""

    models: dict[str, ModelStats] = field(default_factory=dict[str, ModelStats])
    batches: int = 0  # that were taken in

    def of(self, model: str) -> ModelStats:
        """The model's line, opened if need be."""
        if model not in self.models and len(self.models) >= _MOST_MODELS:
            model = _OTHERS
        return self.models.setdefault(model, ModelStats())

    def clear(self) -> None:
        """Forget everything."""
        self.models.clear()
        self.batches = 0

    def to_json(self) -> Object:
        """The books as they go over the wire."""
        lines: Json = {name: {**asdict(line)} for name, line in self.models.items()}
        return {
            "requests": sum(line.requests for line in self.models.values()),
            "failed": sum(line.failed for line in self.models.values()),
            "batches": self.batches,
            "models": lines,
        }
