"""Runs an aiohttp application on a free loopback port, in its own thread."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

HOST = "127.0.0.1"


@contextmanager
def serve(app: web.Application, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve until the block ends; yields `host:port`. Raises OSError if the port is taken."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    thread = threading.Thread(target=loop.run_forever, name="serve", daemon=True)
    thread.start()

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, HOST, port, ssl_context=tls)
        await site.start()
        return f"{HOST}:{runner.addresses[0][1]}"

    async def stop() -> None:
        await runner.cleanup()
        unfinished = asyncio.all_tasks() - {asyncio.current_task()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
