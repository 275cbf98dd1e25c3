"""`weir-scorer`: the program. Reads the environment, says why it can't start, and exits."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from weir_runtime import logs, loop, otlp
from weir_runtime.settings import SettingsError, parse
from weir_runtime.tracing import Tracing
from weir_scorer.app import SERVICE, App, Broken, StartFailed
from weir_scorer.bundle import Bundle, BundleError
from weir_scorer.engine.ports import EngineError
from weir_scorer.server.bundles import OpenBundle, RefusedBundle
from weir_scorer.settings import Settings


def main() -> int:
    """Run the scorer; 0 after a drain, 1 when it could not start or go on."""
    try:
        settings = parse(Settings, os.environ)
        otlp.check_protocols(os.environ)
        settings.check()
    except SettingsError as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)
        return 1
    pipe = logs.configure(settings.log_level)
    tracing = Tracing.from_env(SERVICE, os.environ)  # before there is a loop that it would block
    try:
        return loop.run(lambda stop: _run(settings, os.environ, tracing, stop))
    except (StartFailed, Broken) as error:
        print(f"{SERVICE}: {error}", file=sys.stderr)
        return 1
    finally:
        pipe.close()


async def _run(
    settings: Settings, variables: Mapping[str, str], tracing: Tracing, stop: asyncio.Event
) -> int:
    app = App(settings, variables, opener(settings), tracing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload.set)
    await app.run(stop)
    return 0


def opener(settings: Settings) -> Callable[[Path], OpenBundle]:
    """Opens bundles on the devices that the settings name."""

    def open_bundle(path: Path) -> OpenBundle:
        try:
            return Bundle.open(path, devices=settings.device, threads=settings.threads)
        except (BundleError, EngineError, ValueError) as error:
            raise RefusedBundle(str(error)) from error

    return open_bundle


if __name__ == "__main__":
    sys.exit(main())
