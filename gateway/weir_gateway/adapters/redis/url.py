"""Where a Redis is and how it is reached, from the settings' text. Opens nothing.

Passwords come from the URL or, better, from a file that is read at each connection, so that a
rotated one is found.
"""

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError

PORT: Final = 6379
PLAIN: Final = "redis"
TLS: Final = "rediss"
SOCKET: Final = "unix"
CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


class RedisUrlError(ValueError):
    """The URL can't be used; the message repeats none of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """One server and how to be let in."""

    host: str = ""
    port: int = PORT
    path: str = ""  # of a unix socket, in place of host and port
    database: int = 0
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    ca: str | None = field(default=None, repr=False)  # PEM; None: the system's

    def __str__(self) -> str:
        """For logs: never the password."""
        where = f"{SOCKET}://{self.path}" if self.path else f"{self.host}:{self.port}"
        return f"{where}/{self.database}"

    def options(self) -> dict[str, Any]:
        """What the library's connections are made with."""
        options: dict[str, Any] = {"db": self.database}
        if self.path:
            options["path"] = self.path
        else:
            options |= {"host": self.host, "port": self.port}
        if self.tls:
            options |= {
                "ssl_ca_data": self.ca,
                "ssl_cert_reqs": ssl.CERT_REQUIRED,
                "ssl_check_hostname": True,
            }
        if self.password_file is not None:
            options["credential_provider"] = _PasswordFile(self.user, self.password_file)
        elif self.password is not None:
            options |= {"username": self.user, "password": self.password}
        return options


class _PasswordFile(CredentialProvider):
    """The password as the file has it when a connection is made."""

    def __init__(self, user: str | None, path: Path) -> None:
        self._user = user
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = self._path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError as error:
            raise AuthenticationError(f"{self._path} holds no password: it is not UTF-8") from error
        return (password,) if self._user is None else (self._user, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return await asyncio.to_thread(self.get_credentials)


def parse_redis_url(
    url: str, *, password_file: Path | None = None, ca: Path | None = None
) -> RedisUrl:
    """Read `redis://`, `rediss://` (TLS) or `unix://` with user, password and database.

    Raises RedisUrlError, and OSError where `ca` (PEM of who signs its certificate) can't be read.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        raise RedisUrlError(_wrong("its host or port can't be read")) from None
    known = RedisUrl(
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        password_file=password_file,
        ca=None if ca is None else _pem(ca),
    )
    if parts.scheme == SOCKET:
        if not parts.path:
            raise RedisUrlError(_wrong("the socket's path is missing"))
        return replace(known, path=unquote(parts.path), database=_database(parts.query))
    if parts.scheme not in {PLAIN, TLS} or not parts.hostname:
        raise RedisUrlError(_wrong("its scheme or its host is missing"))
    number = parts.path.strip("/")
    return replace(
        known,
        host=parts.hostname,
        port=port,
        database=_database(f"db={number}" if number else ""),
        tls=parts.scheme == TLS,
    )


def _pem(path: Path) -> str:
    """The certificates; names of authorities that a bundle tells beside them may be in any script.

    Raises RedisUrlError and OSError.
    """
    text = path.read_bytes().decode("ascii", "ignore")
    if CERTIFICATE not in text:
        raise RedisUrlError(f"{path} holds no certificate in PEM form")
    return text


def _database(query: str) -> int:
    name, _, number = query.partition("=")
    if not query:
        return 0
    if name != "db" or not number.isascii() or not number.isdecimal():
        raise RedisUrlError(_wrong("its database is not a number"))
    return int(number)


def _wrong(why: str) -> str:
    return (
        f"WEIR_REDIS: {why}; write redis://host:6379/0, rediss://user@host:6379/0 for TLS, or "
        "unix:///path/to.sock?db=0"
    )
