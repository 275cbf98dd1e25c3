"""Settings: every type a program uses, and errors a person can act on."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_runtime import quantities
from weir_runtime.quantities import Address, Bytes, Duration
from weir_runtime.settings import SettingsError, parse, setting, specs


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    listen: Address = setting("WEIR_LISTEN", default="127.0.0.1:8080", why="tests")
    wait: Duration = setting("WEIR_WAIT", default="250ms", unit="duration", why="tests")
    cap: Bytes = setting("WEIR_CAP", default="16MiB", unit="size", why="tests")
    count: int = setting("WEIR_COUNT", default="3", why="tests")
    ratio: float = setting("WEIR_RATIO", default="0.5", why="tests")
    on: bool = setting("WEIR_ON", default="0", why="tests")
    file: Path | None = setting("WEIR_FILE", default=None, why="tests")
    names: tuple[str, ...] = setting("WEIR_NAMES", default="a,b", why="tests")
    colour: Colour = setting("WEIR_COLOUR", default="red", why="tests")


def test_defaults_are_parsed_like_anything_a_person_writes() -> None:
    assert parse(Settings, {}) == Settings(
        listen=Address(host="127.0.0.1", port=8080),
        wait=Duration(0.25),
        cap=Bytes(16 * 2**20),
        count=3,
        ratio=0.5,
        on=False,
        file=None,
        names=("a", "b"),
        colour=Colour.RED,
    )


def test_variables_win_over_defaults_and_empty_ones_do_not() -> None:
    settings = parse(
        Settings,
        {
            "WEIR_LISTEN": "unix:///run/weir.sock",
            "WEIR_ON": "yes",
            "WEIR_FILE": "x",
            "WEIR_CAP": "",
        },
    )
    assert settings.listen == Address(path=Path("/run/weir.sock"))
    assert settings.on
    assert settings.file == Path("x")
    assert settings.cap == 16 * 2**20


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("WEIR_LISTEN", "8080", "host:port"),
        ("WEIR_LISTEN", "a:99999", "host:port"),
        ("WEIR_WAIT", "250", "250ms"),
        ("WEIR_CAP", "lots", "16MiB"),
        ("WEIR_COUNT", "1.5", "a whole number"),
        ("WEIR_RATIO", "half", "a number"),
        ("WEIR_ON", "maybe", "1 or 0"),
        ("WEIR_COLOUR", "green", "red, blue"),
    ],
)
def test_an_error_names_the_variable_and_what_to_write(
    variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(Settings, {variable: value})
    assert str(caught.value).startswith(f"{variable}='{value}'")
    assert says in str(caught.value)


def test_each_setting_is_documented() -> None:
    assert [spec.variable for spec in specs(Settings)][:2] == ["WEIR_LISTEN", "WEIR_WAIT"]
    assert all(spec.why for spec in specs(Settings))


@given(st.text())
def test_quantities_never_raise_anything_but_value_error(text: str) -> None:
    for convert in (quantities.duration, quantities.size, quantities.address):
        try:
            convert(text)
        except ValueError as error:
            message = str(error)
        else:
            continue
        assert message


@given(st.integers(1, 59), st.integers(1, 999))
def test_durations_add_up(seconds: int, millis: int) -> None:
    assert quantities.duration(f"1m{seconds}s{millis}ms") == pytest.approx(
        60 + seconds + millis / 1000
    )


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "unix:///run/x.sock"])
def test_an_address_reads_as_it_was_written(text: str) -> None:
    assert str(quantities.address(text)) == text


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    colours: Settings
    limit: int = setting("WEIR_LIMIT", default="7", why="tests")


def test_a_group_is_parsed_from_the_same_variables() -> None:
    grouped = parse(Grouped, {"WEIR_COUNT": "4"})
    assert (grouped.colours.count, grouped.limit) == (4, 7)
    assert [spec.variable for spec in specs(Grouped)] == [
        *(spec.variable for spec in specs(Settings)),
        "WEIR_LIMIT",
    ]
