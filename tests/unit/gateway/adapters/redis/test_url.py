"""Where a Redis is: what the URL may say, and that no error or log repeats a password."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError

from weir_gateway.adapters.redis.url import RedisUrlError, parse_redis_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache", "cache:6379/0"),
        ("redis://cache:7000/3", "cache:7000/3"),
        ("rediss://weir@cache:7000", "cache:7000/0"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock/2"),
    ],
)
def test_a_url_names_a_server(url: str, shown: str) -> None:
    assert str(parse_redis_url(url)) == shown


def test_tls_checks_the_servers_name_and_certificate(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    options = parse_redis_url("rediss://cache", ca=authority).options()
    assert options["ssl_check_hostname"] is True
    assert options["ssl_ca_data"] == "-----BEGIN CERTIFICATE-----"


def test_a_password_is_taken_out_of_the_url_and_shown_nowhere() -> None:
    found = parse_redis_url("redis://weir:s%40cret@cache/1")
    assert found.options()["password"] == "s@cret"  # noqa: S105 - the very thing that is tested
    assert found.options()["username"] == "weir"
    assert "cret" not in repr(found) + str(found)


async def test_a_password_file_is_read_at_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    provider = parse_redis_url("redis://weir@cache", password_file=file).options()[
        "credential_provider"
    ]
    assert await provider.get_credentials_async() == ("weir", "first")
    file.write_text("second\n")
    assert await provider.get_credentials_async() == ("weir", "second")


def test_a_bundle_may_tell_its_authorities_names_in_any_script(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("# F\u0151tan\u00fas\u00edtv\u00e1ny\n-----BEGIN CERTIFICATE-----\n")
    said = parse_redis_url("rediss://cache", ca=authority).options()["ssl_ca_data"]
    assert said.isascii()
    assert "-----BEGIN CERTIFICATE-----" in said


def test_a_file_without_a_certificate_is_said(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(b"\x30\x82\xff\x00")
    with pytest.raises(RedisUrlError, match=r"ca\.pem holds no certificate"):
        parse_redis_url("rediss://cache", ca=authority)


async def test_a_password_file_that_is_no_text_is_refused_as_a_password_is(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    provider = parse_redis_url("redis://cache", password_file=file).options()["credential_provider"]
    with pytest.raises(AuthenticationError, match="not UTF-8"):
        await provider.get_credentials_async()


@pytest.mark.parametrize(
    "url",
    [
        *("", "cache:6379", "http://u:hush@cache", "redis://", "redis://u:hush@cache:port/0"),
        *("redis://u:hush@cache/x", "unix://?db=1", "redis://u:hush@[::1/0", "unix:///s?db=-1"),
    ],
)
def test_what_is_no_url_says_what_to_write_and_repeats_nothing(url: str) -> None:
    with pytest.raises(RedisUrlError, match="write redis://host") as caught:
        parse_redis_url(url)
    assert "hush" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_place_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(RedisUrlError):
        parse_redis_url("redis://" + text)
