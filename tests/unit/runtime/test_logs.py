"""Log lines as machines and people read them."""

import io
import json
import logging

import pytest

from weir_runtime.logs import configure
from weir_runtime.tracing import TraceContext, current

LOG = logging.getLogger("weir.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.may_block
def test_lines_are_json_with_trace_ids_and_extra_fields() -> None:
    stream = io.StringIO()
    logs = configure("info", stream)
    token = current.set(TraceContext(0xABC, 0xDEF, sampled=True))
    LOG.info("decided %s", "x", extra={"policy": "shop/chat"})
    LOG.debug("not at this level")
    current.reset(token)
    logs.close()
    (line,) = stream.getvalue().splitlines()
    fields = json.loads(line)
    assert fields["message"] == "decided x"
    assert fields["policy"] == "shop/chat"
    assert fields["trace_id"] == f"{0xABC:032x}"
    assert fields["level"] == "info"
    assert fields["time"].endswith("Z")


def test_an_exception_is_one_json_line() -> None:
    stream = io.StringIO()
    logs = configure("info", stream)
    try:
        {}["lost"]
    except KeyError:
        LOG.exception("it broke")
    logs.close()
    (line,) = stream.getvalue().splitlines()
    assert "KeyError: 'lost'" in json.loads(line)["exception"]


def test_a_terminal_gets_plain_text() -> None:
    stream = Terminal()
    logs = configure("info", stream)
    LOG.warning("careful", extra={"count": 2})
    logs.close()
    assert "warning careful count=2" in stream.getvalue().replace("  ", " ")
