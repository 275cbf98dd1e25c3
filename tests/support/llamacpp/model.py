"""A language model of random weights in a GGUF file: it says noise, quickly, the same every time.

Bytes are its tokens. One dimension of the hidden state is the same whatever was said, so that the
likelihood of single tokens can be set: mostly words, and an end after a dozen of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from numpy.typing import NDArray

LAYERS: Final = 1
WIDTH: Final = 64
HEADS: Final = 4
INNER: Final = 128
CONTEXT: Final = 4096
SPREAD: Final = 0.05  # of the weights
SPECIAL: Final = (b"<unk>", b"<s>", b"</s>")
UNKNOWN, BEGIN, END = range(3)
SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}".encode()  # what the tokeniser writes for a space
WORDS: Final = ("water", "weir", "level", "gate", "stone", "river", "slow", "deep")
SELDOM: Final = 5.5  # logits that a tool call's beginning has before others
STEADY: Final = 0  # the dimension that is the same whatever was said
CALL: Final = b"<tool_call>"
LIKELY: Final = 6.0  # logits that words, the end and a JSON string's last quote have before others
# Tools are offered and called in tags: the server's parser learns the format from the template.
TEMPLATE: Final = (
    "{% if tools %}<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools>\n"
    "{% endif %}"
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}"
    '<tool_call>{"name": {{ call["function"]["name"] | tojson }}, '
    '"arguments": {{ call["function"]["arguments"] | tojson }}}</tool_call>'
    "{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    tokens: list[bytes]
    types: list[int]


def write_model(path: Path, *, seed: int = 0) -> None:
    """Write the model to `path`: about 300 kB."""
    vocabulary = _vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    _describe(writer, vocabulary)
    _tensors(writer, vocabulary, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> _Vocabulary:
    kinds = gguf.TokenType
    bytes_ = [f"<0x{byte:02X}>".encode() for byte in range(256)]
    words = [SPACE, *(SPACE + word.encode() for word in WORDS)]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
    types += [kinds.BYTE] * len(bytes_) + [kinds.USER_DEFINED]
    types += [kinds.NORMAL] * len(words)
    return _Vocabulary([*SPECIAL, *bytes_, CALL, *words], [int(kind) for kind in types])


def _describe(writer: gguf.GGUFWriter, vocabulary: _Vocabulary) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores([0.0] * len(vocabulary.tokens))
    writer.add_token_types(vocabulary.types)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_chat_template(TEMPLATE)


def _tensors(
    writer: gguf.GGUFWriter, vocabulary: _Vocabulary, generator: np.random.Generator
) -> None:
    def noise(*shape: int) -> NDArray[np.float32]:
        return (generator.standard_normal(shape) * SPREAD).astype(np.float32)

    size = len(vocabulary.tokens)
    said = noise(size, WIDTH)
    said[:, STEADY] = 1.0
    heard = noise(size, WIDTH)
    heard[:, STEADY] = 0.0
    likely = [END, vocabulary.tokens.index(b"<0x22>"), *range(size - len(WORDS), size)]
    # After the last norm the steady dimension is near the square root of the width.
    heard[likely, STEADY] = LIKELY / np.sqrt(WIDTH)
    heard[vocabulary.tokens.index(CALL), STEADY] = SELDOM / np.sqrt(WIDTH)
    writer.add_tensor("token_embd.weight", said)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", heard)
    for layer in range(LAYERS):
        _layer(writer, f"blk.{layer}.", noise)


def _layer(writer: gguf.GGUFWriter, prefix: str, noise: Callable[..., NDArray[np.float32]]) -> None:
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"{prefix}{name}.weight", np.ones(WIDTH, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"{prefix}{name}.weight", noise(WIDTH, WIDTH))
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"{prefix}{name}.weight", noise(INNER, WIDTH))
    writer.add_tensor(f"{prefix}ffn_down.weight", noise(WIDTH, INNER))
