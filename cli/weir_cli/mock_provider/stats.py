"""Counters per model of what was received and answered, to check a gateway's ledger against."""

from dataclasses import asdict, dataclass, field

from weir_cli.mock_provider.json_fields import Json, Object

_MOST_MODELS = 1000
_OTHERS = "(others)"  # models beyond the bound share one line


@dataclass(slots=True)
class ModelStats:
    """One model's counters."""

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
        """The model's counters, new ones for a new model."""
        if model not in self.models and len(self.models) >= _MOST_MODELS:
            model = _OTHERS
        return self.models.setdefault(model, ModelStats())

    def clear(self) -> None:
        """Start again from zero."""
        self.models.clear()
        self.batches = 0

    def to_json(self) -> Object:
        """The counters as JSON values."""
        lines: Json = {name: {**asdict(line)} for name, line in self.models.items()}
        return {
            "requests": sum(line.requests for line in self.models.values()),
            "failed": sum(line.failed for line in self.models.values()),
            "batches": self.batches,
            "models": lines,
        }
