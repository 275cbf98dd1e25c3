"""What becomes of each field of a legacy completion request on the chat wire."""

from typing import Final

from weir_wires.translator import Field, carried, refused

FIELDS: Final[tuple[Field, ...]] = (
    carried("model", "the backend's own model"),
    carried("prompt", "one string, as a user message"),
    refused("prompt[]", "several prompts, or tokens"),
    carried("max_tokens", "16 where none is set, as this wire has it"),
    carried("temperature"),
    carried("top_p"),
    carried("n"),
    carried("stop"),
    carried("stream"),
    carried("stream_options"),
    carried("presence_penalty"),
    carried("frequency_penalty"),
    carried("logit_bias"),
    carried("seed"),
    carried("user"),
    refused("echo", "unless false"),
    refused("suffix", "unless empty"),
    refused("logprobs"),
    refused("best_of", "unless 1"),
    carried("any other field", "under its own name"),
)
