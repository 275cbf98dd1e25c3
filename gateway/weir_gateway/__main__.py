"""`weir-gateway`: the gateway as the image runs it, configured by the environment alone."""

import os
import sys

from weir_gateway.adapters.keys import KeysError
from weir_gateway.app import Gateway
from weir_gateway.settings import Settings
from weir_runtime import logs
from weir_runtime.loop import run
from weir_runtime.settings import SettingsError, parse


def main() -> int:
    """Run until SIGTERM; 0 after a clean drain, 1 where it can't start, 2 for bad settings."""
    try:
        settings = parse(Settings, os.environ)
    except SettingsError as error:
        print(f"weir-gateway: {error}", file=sys.stderr)
        return 2
    pipe = logs.configure(settings.log_level)
    try:
        return run(Gateway(settings, os.environ).run)
    except (OSError, KeysError) as error:
        print(f"weir-gateway: can't start: {error}", file=sys.stderr)
        return 1
    finally:
        pipe.close()


if __name__ == "__main__":
    sys.exit(main())
