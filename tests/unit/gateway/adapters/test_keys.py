"""Client keys: found by their hash, within their time, and never lost to a bad file."""

import contextlib
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.limits import limits as limits_by_name
from weir_gateway.adapters.keys import MAX_KEY_CHARS, KeyRing, KeysError, parse
from weir_gateway.domain.money import PICO_PER_USD
from weir_policy.ids import PolicyId

KEY = "wk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
NOW = 1_800_000_000.0


def entry(key: str = KEY, **more: object) -> dict[str, object]:
    return {"name": "team-a", "sha256": hashlib.sha256(key.encode()).hexdigest(), **more}


def file(*entries: dict[str, object]) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


async def ring(folder: Path, *entries: dict[str, object]) -> KeyRing:
    path = folder / "keys.json"
    path.write_bytes(file(*entries))
    made = KeyRing(path)
    await made.read()
    return made


async def test_a_key_is_found_by_itself_and_by_nothing_else(tmp_path: Path) -> None:
    keys = await ring(tmp_path, entry())
    found = keys.find(KEY, NOW)
    assert found is not None
    assert found.name == "team-a"
    for other in ("", KEY[:-1], KEY + " ", KEY.upper(), "x" * (MAX_KEY_CHARS + 1), "\ud800"):
        assert keys.find(other, NOW) is None
    assert keys.find(hashlib.sha256(KEY.encode()).hexdigest(), NOW) is None


async def test_a_key_ends_when_it_says(tmp_path: Path) -> None:
    keys = await ring(tmp_path, entry(expires="2027-01-15T08:00:00Z"))
    assert keys.find(KEY, NOW - 1) is not None
    assert keys.find(KEY, NOW) is None


async def test_a_bad_file_leaves_the_good_keys(tmp_path: Path) -> None:
    keys = await ring(tmp_path, entry())
    (tmp_path / "keys.json").write_bytes(b'{"keys": [')
    with pytest.raises(KeysError, match="not valid"):
        await keys.read()
    assert keys.find(KEY, NOW) is not None


def test_a_keys_limits() -> None:
    limits = {"requestsPerMinute": 600, "usdPerDay": "50", "strongUsdPerDay": "0.25"}
    (key,) = parse(file(entry(limits=limits))).values()
    assert key.limits == limits_by_name(
        requests_per_minute=600,
        usd_per_day=50 * PICO_PER_USD,
        strong_usd_per_day=PICO_PER_USD // 4,
    )
    (free,) = parse(file(entry())).values()
    assert not free.limits


@pytest.mark.parametrize(
    "limits",
    [
        {"usdPerDay": "0.00"},
        {"usdPerDay": 5},
        {"usdPerDay": "1e3"},
        {"usdPerDay": "-1"},
        {"usdPerDay": "1\n"},
        {"usdPerDay": "٣"},
        {"requestsPerMinute": 0},
        {"requestsPerMinute": -1},
        {"requestsPerHour": 1},
    ],
)
def test_limits_that_cant_be_meant_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(KeysError):
        parse(file(entry(limits=limits)))


def test_what_a_key_may_use() -> None:
    (key,) = parse(file(entry(policies=["shop/*", "lab/chat"]))).values()
    assert key.may_use(PolicyId("shop/anything"))
    assert key.may_use(PolicyId("lab/chat"))
    assert not key.may_use(PolicyId("lab/chat-2"))
    assert not key.may_use(PolicyId("other/shop"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not valid"),
        (b"[]", "not valid"),
        (b"\xff", "not valid"),
        (b'{"keys": [{"name": "a"}]}', "missing required field `sha256`"),
        (file(entry(key="k", unknown=1)), "unknown field `unknown`"),
        (file({"name": "a", "sha256": "zz"}), r"keys\[0\].sha256 must be 64 hex digits"),
        (file({"name": "a", "sha256": "ab"}), "64 hex digits"),
        (file(entry(), entry("another")), r"keys\[1\]: name and sha256 must be its own"),
        (file(entry(), {**entry(), "name": "b"}), r"keys\[1\]"),
        (file({**entry(), "name": ""}), r"keys\[0\]"),
        (file(entry(expires="2027-01-01T00:00:00")), "time zone"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: bytes, says: str) -> None:
    with pytest.raises(KeysError, match=says):
        parse(text)


@given(st.binary())
def test_any_bytes_are_keys_or_a_keys_error(text: bytes) -> None:
    with contextlib.suppress(KeysError):
        parse(text)
