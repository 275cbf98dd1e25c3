"""How good a router is on recorded prompts: figures, slices, robustness, one report.

Scores come in as arrays or from a function. Must not know bundles or the command line.
"""

from weir_lab.evaluation.evaluate import Contender, Source, evaluate
from weir_lab.evaluation.figures import Figures
from weir_lab.evaluation.page import render
from weir_lab.evaluation.report import Report, to_json

__all__ = ["Contender", "Figures", "Report", "Source", "evaluate", "render", "to_json"]
