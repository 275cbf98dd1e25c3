"""The scorer's settings: defaults pinned, mistakes named."""

from dataclasses import asdict
from pathlib import Path

import pytest

from weir_runtime.logs import LogLevel
from weir_runtime.quantities import Address
from weir_runtime.settings import SettingsError, parse
from weir_scorer.app import limits_for
from weir_scorer.batching.limits import CPU_LIMITS, GPU_LIMITS
from weir_scorer.engine.ports import Device
from weir_scorer.settings import Settings

CPU = Device("cpu:0", "CPUExecutionProvider", "int8")
GPU = Device("cuda:1", "CUDAExecutionProvider", "fp16")


def test_the_defaults() -> None:
    settings = parse(Settings, {})
    settings.check()
    assert asdict(settings) == {
        "listen": ("0.0.0.0:50051",),
        "admin": asdict(Address("0.0.0.0", 9090)),  # noqa: S104 - as above
        "bundle": Path("/var/lib/weir/bundle"),
        "bundle_check": 5.0,
        "device": ("auto",),
        "threads": 1,
        "tokenisers": 1,
        "queue": 2048,
        "batch_texts": None,
        "batch_tokens": None,
        "call_texts": 256,
        "call_chars": 1_000_000,
        "call_time": 10.0,
        "message": 16 * 2**20,
        "drain": 10.0,
        "log_level": LogLevel.INFO,
    }


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("WEIR_SCORER_LISTEN", ",", "write host:port or unix"),
        ("WEIR_SCORER_LISTEN", "localhost", "host:port, such as"),
        ("WEIR_SCORER_THREADS", "0", "write more than 0"),
        ("WEIR_SCORER_BATCH_TEXTS", "-1", "write more than 0"),
        ("WEIR_SCORER_BUNDLE_CHECK", "0", "write more than 0"),
        ("WEIR_SCORER_CALL_TEXTS", "4096", "write at most WEIR_SCORER_QUEUE"),
        ("WEIR_SCORER_DRAIN", "soon", "a duration"),
        ("WEIR_LOG_LEVEL", "loud", "one of debug, info"),
    ],
)
def test_a_mistake_names_its_variable(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(Settings, {variable: value}).check()
    assert str(caught.value).startswith(variable)
    assert says in str(caught.value)


def test_a_batch_fits_its_device_unless_the_settings_say_otherwise() -> None:
    unset = parse(Settings, {})
    assert limits_for(unset, CPU) == CPU_LIMITS
    assert limits_for(unset, GPU) == GPU_LIMITS
    some = parse(Settings, {"WEIR_SCORER_BATCH_TEXTS": "3", "WEIR_SCORER_BATCH_TOKENS": "99"})
    assert (limits_for(some, GPU).texts, limits_for(some, GPU).tokens) == (3, 99)
    assert limits_for(some, GPU).in_flight == GPU_LIMITS.in_flight
