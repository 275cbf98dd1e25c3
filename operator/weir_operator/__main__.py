"""`weir-operator`: the operator as the image runs it, configured by the environment alone."""

import logging
import os
import sys

from weir_runtime.stub_module import stub_module

# Before the rules' library is imported: it imports its own command line, 15 MB and half a second.
stub_module("cel.cli")

from weir_operator.app import BadSettings, Operator  # noqa: E402 - only after that
from weir_operator.apply.server import NoCertificate  # noqa: E402 - only after that
from weir_operator.handlers import NoLogin  # noqa: E402 - only after that
from weir_operator.settings import Settings  # noqa: E402 - only after that
from weir_runtime import logs, otlp  # noqa: E402 - only after that
from weir_runtime.loop import run  # noqa: E402 - only after that
from weir_runtime.settings import SettingsError, parse  # noqa: E402 - only after that


def main() -> int:
    """Run until SIGTERM; 0 after a clean end, 1 where it can't start, 2 for bad settings."""
    try:
        settings = parse(Settings, os.environ)
        otlp.check_protocols(os.environ)
        operator = Operator(settings, os.environ)
    except (SettingsError, BadSettings) as error:
        print(f"weir-operator: {error}", file=sys.stderr)
        return 2
    pipe = logs.configure(settings.log_level)
    logging.getLogger("kopf").setLevel(logging.WARNING)  # else a line for every event that it saw
    try:
        return run(operator.run)
    except (OSError, NoCertificate, NoLogin) as error:
        print(f"weir-operator: can't start: {error}", file=sys.stderr)
        return 1
    finally:
        pipe.close()


if __name__ == "__main__":
    sys.exit(main())
