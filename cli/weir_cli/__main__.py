"""`weir`: the entry point. Exit status 0 is success, 1 failure, 2 bad usage.

Every failure becomes one line; WEIR_DEBUG=1 shows the traceback instead.
"""

import os
import sys


def main() -> None:
    """Run the command line and exit."""
    sys.exit(_run(sys.argv[1:], debug=bool(os.environ.get("WEIR_DEBUG"))))


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        # Imported here, so that an install without the extra still gets a plain answer.
        from weir_cli import program  # noqa: PLC0415 - see above
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        print(f"weir: the command line needs {missing.name}.", file=sys.stderr)
        print("  pip install 'weir-gateway[cli]'", file=sys.stderr)
        return 1
    return program.run(arguments, debug=debug)


if __name__ == "__main__":
    main()
