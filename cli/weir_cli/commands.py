"""The commands of `weir` as data, so that listing them imports none of them.

A command `a-b` is the click command `a_b` of its module. Must not know what any command does.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it lives and what must be installed for it."""

    name: str
    module: str
    help: str
    extra: str  # the extra of `weir-gateway` that brings everything the module imports

    @property
    def attribute(self) -> str:
        """The click command's name in its module."""
        return self.name.replace("-", "_")


COMMANDS: tuple[Entry, ...] = (
    Entry("up", "weir_cli.up", "Run scorer and gateway here from policy files.", "all"),
    Entry("explain", "weir_cli.explain", "Show how a prompt would be routed; send nothing.", "all"),
    Entry("key", "weir_cli.key", "Make, list and revoke client keys.", "all"),
    Entry("ledger", "weir_cli.ledger", "Show what was spent and saved.", "all"),
    Entry("experiment", "weir_cli.experiment", "Compare variants, or what a shadow saves.", "all"),
    Entry("score", "weir_cli.score", "Score prompts from JSONL, offline.", "scorer"),
    Entry("policy", "weir_cli.policy", "Check policy files, or compile them.", "operator"),
    Entry("train", "weir_cli.train", "Adapt a router to labels of your traffic.", "all,lab"),
    Entry("eval", "weir_cli.eval", "Measure routers on recorded outcomes.", "all,lab"),
    Entry("calibrate", "weir_cli.calibrate", "Find a threshold that keeps a promise.", "all,lab"),
    Entry("profile", "weir_cli.profile", "Add a model's quality profile from probes.", "all,lab"),
    Entry("replay", "weir_cli.replay", "Settle a policy's choices on recorded prompts.", "all,lab"),
    Entry("bundle", "weir_cli.bundle", "Build, show or verify a bundle.", "bundle"),
    Entry(
        "stand-in", "weir_cli.stand_in", "Serve deterministic answers in place of models.", "cli"
    ),
    Entry(
        "demo", "weir_cli.demo", "Start everything, send a few prompts, show the decisions.", "all"
    ),
)
