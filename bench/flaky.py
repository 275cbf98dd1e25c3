"""A chat model that takes a while and fails now and then: `python -m bench.flaky SHARE MS`.

Fails this SHARE [0,1] of its calls with 500, at random, and takes MS milliseconds for each.
"""

import asyncio
import random
import sys

import uvloop
from aiohttp import web

from bench.upstream import JSON

BODY = JSON.partition(b"\r\n\r\n")[2]
ERROR = b'{"error":{"message":"at random","type":"x","code":"server_error"}}'


async def _serve(share: float, seconds: float) -> None:
    async def chat(request: web.BaseRequest) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        failed = random.random() < share  # noqa: S311 - a bench
        return web.Response(
            status=500 if failed else 200,
            body=ERROR if failed else BODY,
            content_type="application/json",
        )

    runner = web.ServerRunner(web.Server(chat))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"ready {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(float(sys.argv[1]), float(sys.argv[2]) / 1000))
