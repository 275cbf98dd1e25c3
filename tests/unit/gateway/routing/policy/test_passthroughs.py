"""Which registered path serves a call: exact, then the longest prefix."""

import pytest

from weir_gateway.routing.policy.passthroughs import PassthroughEntry, PassthroughIndex

INDEX = PassthroughIndex(
    PassthroughEntry(method, path, path)
    for method, path in (
        ("POST", "/v1/audio/*"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/speech/*"),
        ("GET", "/v1/audio/*"),
        ("POST", "/rerank"),
    )
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/v1/audio/speech", "/v1/audio/speech"),
        ("POST", "/v1/audio/speech/a/b", "/v1/audio/speech/*"),
        ("POST", "/v1/audio/other", "/v1/audio/*"),
        ("GET", "/v1/audio/speech", "/v1/audio/*"),
        ("POST", "/rerank", "/rerank"),
        ("POST", "/v1/audio", None),
        ("POST", "/v1/audios/x", None),
        ("DELETE", "/rerank", None),
        ("POST", "/rerank/x", None),
        ("POST", "/", None),
        ("POST", "", None),
    ],
)
def test_the_most_specific_path_serves(method: str, path: str, found: str | None) -> None:
    assert INDEX.find(method, path) == found


def test_of_equal_paths_the_first_serves() -> None:
    index = PassthroughIndex(PassthroughEntry("POST", "/x", value) for value in ("a", "b"))
    assert index.find("POST", "/x") == "a"
