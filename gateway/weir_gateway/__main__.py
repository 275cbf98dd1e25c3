"""`weir-gateway`: the gateway as the image runs it, configured by the environment alone."""

import os
import sys

from weir_runtime.stub_module import stub_module

# Before the rules' library is imported: it imports its own command line, 15 MB and half a second.
stub_module("cel.cli")

from weir_gateway.adapters.keys import KeysError  # noqa: E402 - only after that
from weir_gateway.adapters.redis.url import RedisUrlError  # noqa: E402 - only after that
from weir_gateway.app.run import Gateway  # noqa: E402 - only after that
from weir_gateway.domain.errors import StoreUnavailable  # noqa: E402 - only after that
from weir_gateway.settings import Settings  # noqa: E402 - only after that
from weir_runtime import logs, otlp  # noqa: E402 - only after that
from weir_runtime.loop import run  # noqa: E402 - only after that
from weir_runtime.settings import SettingsError, parse  # noqa: E402 - only after that


def main() -> int:
    """Run until SIGTERM; 0 after a clean drain, 1 where it can't start, 2 for bad settings."""
    try:
        settings = parse(Settings, os.environ)
        otlp.check_protocols(os.environ)
    except SettingsError as error:
        print(f"weir-gateway: {error}", file=sys.stderr)
        return 2
    pipe = logs.configure(settings.log.level)
    try:
        return run(Gateway(settings, os.environ).run)
    except (OSError, KeysError, RedisUrlError, StoreUnavailable) as error:
        print(f"weir-gateway: can't start: {error}", file=sys.stderr)
        return 1
    finally:
        pipe.close()


if __name__ == "__main__":
    sys.exit(main())
