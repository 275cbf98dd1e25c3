"""The yardstick: the least that an aiohttp proxy of JSON can do. Parse, re-dump, forward.

`python -m bench.bare UPSTREAM_PORT`. Streams are passed on chunk by chunk, unparsed.
"""

import asyncio
import json
import sys

import aiohttp
import uvloop
from aiohttp import web

_LARGEST_BODY = 8 * 2**20


class Bare:
    """One upstream, one client session, no logic."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Forward one chat completion."""
        body = json.loads(await request.read())
        body["model"] = "mock"
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        async with self._session.post(self._url, data=data, headers=headers) as upstream:
            if not body.get("stream"):
                return web.Response(
                    body=await upstream.read(),
                    status=upstream.status,
                    content_type="application/json",
                )
            reply = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await reply.prepare(request)
            async for chunk in upstream.content.iter_any():
                await reply.write(chunk)
            await reply.write_eof()
            return reply


async def _serve(upstream: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        bare = Bare(session, f"http://127.0.0.1:{upstream}/v1/chat/completions")
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.add_routes([web.post("/v1/chat/completions", bare.chat)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"ready {runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
