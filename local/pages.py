"""Serves the web page in `web/`, like a static host."""

import json
from pathlib import Path

from aiohttp import web

WEB = Path(__file__).resolve().parent.parent / "web"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# What whoever deploys the page edits: the address, in config.js and in the page's policy.
_HERE = 'new URL("../", import.meta.url).href.replace(/\\/$/, "")'
_SELF = "connect-src 'self'"


def pages(address: str | None = None, config: str | None = None, folder: Path = WEB) -> web.Application:
    """An application with the page at `/`; `address` is the function's if elsewhere, `config` replaces config.js."""

    async def answer(request: web.Request) -> web.Response:
        file = (folder / (request.match_info["name"] or "index.html")).resolve()
        if folder not in file.parents or not file.is_file() or file.suffix not in _TYPES:
            raise web.HTTPNotFound
        text = config if config is not None and file.name == "config.js" else file.read_text()
        if address is not None:
            text = text.replace(_HERE, json.dumps(address)).replace(_SELF, f"connect-src {address}")
        headers = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-cache"}
        return web.Response(text=text, content_type=_TYPES[file.suffix], headers=headers)

    app = web.Application()
    app.router.add_get("/{name:[a-z./-]*}", answer)
    return app
