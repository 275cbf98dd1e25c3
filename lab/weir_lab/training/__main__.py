"""`python -m weir_lab.training`: what labels are worth on a labelled set, as a table."""

import argparse
import sys
from pathlib import Path

from weir_lab.datasets import load_pair
from weir_lab.training.columns import read_columns
from weir_lab.training.study import table, worth
from weir_scorer.bundle.bundle import Bundle


def main() -> int:
    """Print the table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.training", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--data", type=Path, required=True, help="paired scores or outcomes")
    parser.add_argument("--router", default="linear")
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 500, 1000, 1500])
    parser.add_argument("--draws", type=int, default=10)
    asked = parser.parse_args()
    pair = load_pair(asked.data)
    with Bundle.open(asked.bundle, devices=["cpu"]) as bundle:
        columns = read_columns(asked.bundle, bundle, asked.router, pair.prompts)
    rows = [worth(columns, pair, labels, asked.draws) for labels in asked.labels]
    sys.stdout.write(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
