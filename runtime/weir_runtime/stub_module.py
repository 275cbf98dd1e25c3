"""Leaves out what a library imports for itself and no program of ours ever calls.

Knows no library; whoever starts a program names what it does without, and why.
"""

import sys
from types import ModuleType


def stub_module(module: str) -> None:
    """Let an empty module stand for `module`, unless it is imported already.

    For a program's first line: whoever imported the library before has paid for it.
    """
    sys.modules.setdefault(module, ModuleType(module, "Left out: see weir_runtime.stub_module."))
