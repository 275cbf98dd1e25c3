"""Replaces a module that a library imports and Weir never calls with an empty one.

Each program's entry point names the module, and why.
"""

import sys
from types import ModuleType


def stub_module(module: str) -> None:
    """Let an empty module stand for `module`, unless it is imported already.

    Call it before anything imports the library: a later call saves nothing.
    """
    sys.modules.setdefault(module, ModuleType(module, "Left out: see weir_runtime.stub_module."))
