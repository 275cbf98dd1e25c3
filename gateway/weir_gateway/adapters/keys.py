"""The client keys that this gateway knows, from a file, read again when it changes.

The file holds hashes. Keys are 256 random bits, so a plain SHA-256 can't be turned back, and a
look-up by hash tells an attacker's clock nothing.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, cast

import msgspec

from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.request import ClientKey
from weir_policy.ids import PicoUsd
from weir_policy.spec.limits import DIMENSIONS, Dimension, Limit

_LOG = logging.getLogger(__name__)

MAX_KEY_CHARS: Final = 512  # characters of a key that are looked at; ours have 46
MAX_WEIGHT: Final = 100.0  # feedback's weight
MAX_KEYS: Final = 100_000  # in one file
PICO_DIGITS: Final = 12

Whole = Annotated[int, msgspec.Meta(ge=1, le=4_000_000_000)]
Usd = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,7}(\.[0-9]{1,6})?\Z")]


def _limit_field(row: Dimension) -> tuple[str, object, object]:
    return (row.attribute, Usd, "") if row.measure.is_money else (row.attribute, Whole, 0)


_Limits = msgspec.defstruct(
    "_Limits", map(_limit_field, DIMENSIONS), forbid_unknown_fields=True, rename="camel"
)


class _Key(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    sha256: str
    policies: tuple[str, ...] = ("*",)
    direct: bool = True
    client_threshold: bool = True
    expires: datetime | None = None
    feedback: bool = True
    feedback_weight: float = 1.0
    limits: _Limits = msgspec.field(default_factory=_Limits)  # type: ignore[valid-type] # pyright: ignore[reportInvalidTypeForm] - made from the rows


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_Key]


_DECODER = msgspec.json.Decoder(_File)


class KeysError(ValueError):
    """The file can't be used; the message says where it is wrong and never what a key is."""


class KeyRing:
    """Keys by their hash."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Mapping[bytes, ClientKey] = {}
        self._read_signature: tuple[int, int, int] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, presented: str, now: float) -> ClientKey | None:
        """The key that was presented at `now` (seconds since 1970); None: unknown or expired."""
        if len(presented) > MAX_KEY_CHARS:
            return None
        digest = hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest()
        key = self._keys.get(digest)
        if key is None or (key.expires is not None and now >= key.expires):
            return None
        return key

    def by_name(self, name: str, now: float) -> ClientKey | None:
        """The key of this name, for work that goes on without its client; as `find` otherwise."""
        key = next((key for key in self._keys.values() if key.name == name), None)
        expired = key is not None and key.expires is not None and now >= key.expires
        return None if expired else key

    async def read(self) -> None:
        """Read the file now. Raises KeysError and OSError; the keys that were there stay."""
        signature = await asyncio.to_thread(self._signature)
        self._keys = await asyncio.to_thread(lambda: parse(self._path.read_bytes()))
        self._read_signature = signature
        _LOG.info("client keys are in force", extra={"keys": len(self._keys)})

    async def follow(self, every: float) -> None:
        """Read it again whenever it has changed, until cancelled; a bad one changes nothing."""
        while True:
            await asyncio.sleep(every)
            try:
                if await asyncio.to_thread(self._signature) != self._read_signature:
                    await self.read()
            except KeysError as error:
                _LOG.error("kept the last good client keys: %s", error)
                self._read_signature = await asyncio.to_thread(self._signature)
            except OSError as error:
                _LOG.warning("can't read the client keys: %s", error.strerror)

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


def parse(text: bytes) -> dict[bytes, ClientKey]:
    """The keys of a file by their hash. Raises KeysError."""
    try:
        entries = _DECODER.decode(text).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeysError(f"the keys file is not valid: {error}") from error
    if len(entries) > MAX_KEYS:
        raise KeysError(f"the keys file has {len(entries)} keys, at most {MAX_KEYS} may be")
    keys: dict[bytes, ClientKey] = {}
    names: set[str] = set()
    for index, entry in enumerate(entries):
        at = f"keys[{index}]"
        digest = _digest(entry.sha256, at)
        if entry.name in names or digest in keys or not entry.name:
            raise KeysError(f"{at}: name and sha256 must be its own")
        names.add(entry.name)
        keys[digest] = _key(entry, at)
    return keys


def _digest(text: str, at: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise KeysError(f"{at}.sha256 must be 64 hex digits: the SHA-256 of the key")
    return digest


def _key(entry: _Key, at: str) -> ClientKey:
    if entry.expires is not None and entry.expires.tzinfo is None:
        raise KeysError(f"{at}.expires must have a time zone, such as 2027-01-01T00:00:00Z")
    if not 0 < entry.feedback_weight <= MAX_WEIGHT:
        raise KeysError(f"{at}.feedbackWeight must be above 0 and at most {MAX_WEIGHT:g}")
    limits = cast("object", entry.limits)  # pyright: ignore[reportUnknownMemberType] - made from the rows
    return ClientKey(
        name=KeyName(entry.name),
        policies=entry.policies,
        direct=entry.direct,
        client_threshold=entry.client_threshold,
        expires=None if entry.expires is None else entry.expires.timestamp(),
        feedback=entry.feedback,
        feedback_weight=entry.feedback_weight,
        limits=tuple(_limits(limits, f"{at}.limits")),
    )


def _limits(written: object, at: str) -> Iterator[Limit]:
    for row in DIMENSIONS:
        amount: int | str = getattr(written, row.attribute)
        if isinstance(amount, str):
            amount = _pico(amount, f"{at}.{row.name}")
        if amount:
            yield Limit(row.measure, row.window, amount)


def _pico(amount: str, at: str) -> PicoUsd:
    """No money at all would read as no limit, so it is refused."""
    pico = int(Decimal(amount or "0").scaleb(PICO_DIGITS))
    if amount and not pico:
        raise KeysError(f"{at} must be above 0; leave it out where there is no limit")
    return PicoUsd(pico)
