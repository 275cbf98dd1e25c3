"""Writes a packed model's vocabulary as a tokenizer.json: XLM-RoBERTa's unigram tokeniser."""

import json

from weir_scorer.build.packed import PackedModel

_SPACE = "\u2581"  # stands before a word in the vocabulary
_DROPPED = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\u008f\\u009f]"
_SPACES = f"[\\s\\u1680\\u200b-\\u200f\\u2028\\u2029{_SPACE}\\ufeff\\ufffd]+"


def tokenizer_json(model: PackedModel) -> bytes:
    """The file's bytes. Texts are expected in NFKC, as the scorer reads them."""
    begin, end = (model.pieces[place] for place in (model.specials.begin, model.specials.end))
    metaspace = {
        "type": "Metaspace",
        "replacement": _SPACE,
        "prepend_scheme": "always",
        "split": False,
    }
    scores = model.piece_scores.tolist()
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(model),
        "normalizer": {
            "type": "Sequence",
            "normalizers": [_replace(_DROPPED, ""), _replace(_SPACES, " ")],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special(begin), _text("A"), _special(end)],
            "pair": [_special(begin), _text("A"), _special(end), _text("B"), _special(end)],
            "special_tokens": {
                begin: _ids(begin, model.specials.begin),
                end: _ids(end, model.specials.end),
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": model.specials.unknown,
            "vocab": [list(entry) for entry in zip(model.pieces, scores, strict=True)],
            "byte_fallback": False,
        },
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _added(model: PackedModel) -> list[dict[str, object]]:
    specials = model.specials
    places = sorted((specials.begin, specials.end, specials.padding, specials.unknown))
    return [
        {
            "id": place,
            "content": model.pieces[place],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for place in places
    ]


def _replace(pattern: str, content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def _special(token: str) -> dict[str, object]:
    return {"SpecialToken": {"id": token, "type_id": 0}}


def _text(name: str) -> dict[str, object]:
    return {"Sequence": {"id": name, "type_id": 0}}


def _ids(token: str, place: int) -> dict[str, object]:
    return {"id": token, "ids": [place], "tokens": [token]}
