"""`python -m local serve` runs the function behind a local gateway; `python -m local invoke FILE` runs it once."""

import argparse
import json
import os
import signal
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from local.fc import Runtime, invoke, make_context, role_environment
from local.gateway import Shape, gateway
from local.pages import pages
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.serve import serve

SRC = Path(__file__).parent.parent / "src"
QUERY = "/qr-codes?phoneNumber=8613800001234"


def main() -> int:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--runtime", choices=["python3.10", "python3.12"], default="python3.10")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve the sandbox and the gateway until Ctrl-C")
    serving.add_argument("--port", type=int, default=8000)
    serving.add_argument("--gateway", choices=["v1", "classic"], default="v1")
    once = commands.add_parser("invoke", help="run one event from a file and print the answer")
    once.add_argument("event", type=Path)
    options = parser.parse_args()
    with serve(Sandbox().app()) as endpoint:
        os.environ |= {"CAMS_ENDPOINT": endpoint, "CAMS_PROTOCOL": "HTTP"} | role_environment(DEMO_KEY_ID, DEMO_KEY)
        runtime = cast(Runtime, options.runtime)
        if options.command == "invoke":
            return _invoke(options.event, runtime)
        return _serve(options.port, cast(Shape, options.gateway), runtime, endpoint)


def _function() -> Any:
    sys.path.insert(0, str(SRC))
    import index

    return index


def _invoke(event: Path, runtime: Runtime) -> int:
    try:
        data = event.read_bytes()
    except OSError as error:
        print(f"{event}: {error.strerror}", file=sys.stderr)
        return 2
    invoked = invoke(_function().handler, data, make_context(runtime))
    print(json.dumps(json.loads(invoked.body), indent=2, ensure_ascii=False))
    return 1 if invoked.error_type else 0


def _serve(port: int, shape: Shape, runtime: Runtime, endpoint: str) -> int:
    function = _function()
    function.initialize(make_context(runtime))
    app = gateway(function.handler, lambda: make_context(runtime), shape)
    app.add_subapp("/web/", pages())
    try:
        with serve(app, port) as address:
            _show(f"http://{address}", endpoint)
            _wait_for_interrupt()
    except OSError as error:
        print(f"Cannot serve on port {port}: {error.strerror}. Try: make run PORT=8001", file=sys.stderr)
        return 1
    return 0


def _wait_for_interrupt() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        signal.pause()


def _show(url: str, endpoint: str) -> None:
    print(f"Sandbox CAMS on {endpoint}. A query through the gateway:\n\nGET {url}{QUERY}")
    # This address is local, so any proxy in the environment is bypassed.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url + QUERY) as answer:
        print(json.dumps(json.load(answer), indent=2, ensure_ascii=False))
    print(f"\nServing on {url} until Ctrl-C. Try:\n\n  curl '{url}{QUERY}'\n\nThe web page: {url}/web/\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
