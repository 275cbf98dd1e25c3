"""A client that sees every byte: one request on one connection, read to its very end."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Raw:
    """What came back until the server closed."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes  # decoded, where it was chunked
    whole: bool  # the body ended as its head promised
    after: bytes  # what came after the answer


async def ask(host: str, port: int, path: str, body: bytes) -> Raw:
    """POST `body` and read until the connection is closed."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return _read(await reader.read())
    finally:
        writer.close()
        await writer.wait_closed()


def _read(data: bytes) -> Raw:
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in lines)}
    status = int(first.split(" ")[1])
    if headers.get("transfer-encoding") == "chunked":
        body, whole, after = _chunks(rest)
    else:
        size = int(headers["content-length"])
        body, after = rest[:size], rest[size:]
        whole = len(body) == size
    return Raw(status, headers, body, whole, after)


def _chunks(data: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            return body, data.startswith(b"\r\n"), data.removeprefix(b"\r\n")
        body, data = body + data[:count], data[count + 2 :]
    return body, False, b""
