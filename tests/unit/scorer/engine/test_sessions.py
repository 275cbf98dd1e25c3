"""Devices: what can be asked for, and that an explicit one never falls silently."""

import onnxruntime as ort
import pytest

from support.bundles import tiny_parts
from weir_scorer.engine.ports import DeviceUnavailable
from weir_scorer.engine.sessions import (
    DeviceChoice,
    DeviceKind,
    SessionOptions,
    open_session,
    pick_precision,
)

CPU = DeviceChoice(DeviceKind.CPU)
HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


def graph() -> bytes:
    return tiny_parts().files["encoder/layer1.fp32.onnx"]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("auto", DeviceChoice(DeviceKind.AUTO)),
        ("CPU", CPU),
        (" cuda:1 ", DeviceChoice(DeviceKind.CUDA, 1)),
        ("tensorrt", DeviceChoice(DeviceKind.TENSORRT)),
    ],
)
def test_devices_are_named(text: str, choice: DeviceChoice) -> None:
    assert DeviceChoice.parse(text) == choice


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", ":0"])
def test_other_names_are_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write auto, cpu, cuda or tensorrt"):
        DeviceChoice.parse(text)


def test_the_provider_is_read_from_the_open_session() -> None:
    session = open_session(graph(), SessionOptions(CPU))
    assert (session.provider, session.device_name) == ("CPUExecutionProvider", "cpu:0")


@pytest.mark.skipif(HAS_CUDA, reason="ONNX Runtime has CUDA here")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_an_explicit_device_that_is_not_there_is_an_error(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match="install onnxruntime-gpu"):
        open_session(graph(), SessionOptions(DeviceChoice.parse(device)))


@pytest.mark.skipif(HAS_CUDA, reason="ONNX Runtime has CUDA here")
def test_auto_takes_the_cpu_where_there_is_no_gpu() -> None:
    assert open_session(graph(), SessionOptions()).provider == "CPUExecutionProvider"


def test_a_broken_graph_is_an_error_that_says_so() -> None:
    with pytest.raises(DeviceUnavailable, match="cannot be loaded"):
        open_session(b"no graph", SessionOptions(CPU))


def test_each_kind_of_device_has_its_best_precision() -> None:
    assert pick_precision(("fp16", "fp32", "int8"), CPU) == "int8"
    assert pick_precision(("fp16", "fp32"), CPU) == "fp32"
    assert pick_precision(("int8", "fp16"), DeviceChoice(DeviceKind.CUDA)) == "fp16"
    with pytest.raises(DeviceUnavailable, match="no encoder for cpu"):
        pick_precision((), CPU)
