"""A sandbox CAMS: ListPhoneMessageQrdl on a socket, with real signatures, a real quota and every known way to fail.

`local/README.md` lists what each phone number does. Source for the shape of a list: "ListPhoneMessageQrdl";
`local/traps.py` has those of the failures.

What the operation answers to a number or a space that is not the account's is inferred. "Public error codes" of Chat
App Message Service has ERR-OPERATION-MAAP-0065 for a number that is not bound to the subscriber, and -0060 for a
subscriber without a WhatsApp Business account. "ListPhoneMessageQrdl" declares Unknown.ResourceOwnerId, but so do
operations that take no number.
"""

import time
from asyncio import BaseTransport
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web

from local.acs3 import AccessKey, Refused, SignedRequest, Verifier
from local.beliefs import BELIEFS
from local.lists import LISTS, SPACES
from local.traps import ERRORS, TRAPS, Trap, error_body

DEMO_KEY_ID = "STS.sandbox"
DEMO_KEY = AccessKey(secret="sandbox-secret", token="sandbox-token")

_ACTION = "ListPhoneMessageQrdl"
_VERSION = "2020-06-06"
_WINDOW_SECONDS = 1.0


@dataclass
class Sandbox:
    """The sandbox's account: its access keys, its quota, and what has arrived.

    `arrivals` are the times (monotonic) of signed calls; `refusals` are the codes of calls rejected before the
    operation; `connections` keeps every transport that brought a request, closed ones too.
    """

    keys: dict[str, AccessKey] = field(default_factory=lambda: {DEMO_KEY_ID: DEMO_KEY})
    qps: int = 5
    arrivals: list[float] = field(default_factory=list)
    queries: list[Mapping[str, str]] = field(default_factory=list)
    connections: set[BaseTransport] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        """The sandbox as an application; its state stays in this object."""
        self._verifier = Verifier(self.keys)
        self._admitted: deque[float] = deque()
        self._visits: dict[str, int] = {}
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request; `app` must have been called before."""
        arrived = time.monotonic()
        if request.transport is not None:
            self.connections.add(request.transport)
        body = await request.read()
        try:
            parameters = self._accept(request, body, arrived)
        except Refused as refused:
            self.refusals.append(refused.code)
            return web.json_response(error_body(refused.code, refused.message), status=refused.status)
        try:
            return await self._list(request, parameters)
        except Refused as refused:
            return web.json_response(error_body(refused.code, refused.message), status=refused.status)

    def _accept(self, request: web.Request, body: bytes, arrived: float) -> dict[str, str]:
        """The parameters of a request that is well-formed, signed and within the quota. Raises Refused."""
        if request.method not in ("POST", "GET"):
            raise Refused("UnsupportedHTTPMethod", "This http method is not supported.", 403)
        query = parse_qsl(request.query_string, keep_blank_values=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._verifier.verify(SignedRequest(request.method, request.path, query, headers, body))
        if headers.get("x-acs-version") != _VERSION:
            raise Refused("NoSuchVersion", "The specified version does not exist.")
        if headers.get("x-acs-action") != _ACTION:
            raise Refused("InvalidAction.NotFound", "Specified api is not found.", 404)
        self.arrivals.append(arrived)
        self._admit(arrived)
        parameters = dict(query)
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            parameters |= dict(parse_qsl(body.decode()))
        self.queries.append(parameters)
        return parameters

    def _admit(self, arrived: float) -> None:
        while self._admitted and arrived - self._admitted[0] >= _WINDOW_SECONDS:
            self._admitted.popleft()
        if len(self._admitted) >= self.qps:
            raise Refused("System.LimitControl", "The system is under flow control.")
        self._admitted.append(arrived)

    async def _list(self, request: web.Request, parameters: Mapping[str, str]) -> web.StreamResponse:
        number = parameters.get("PhoneNumber", "")
        space = parameters.get("CustSpaceId")
        if not number:
            raise Refused("MissingPhoneNumber", "PhoneNumber is mandatory for this action.")
        if not number.isascii() or not number.isdigit():
            # An inference: only of sending is it known that "+" is refused.
            raise Refused("InvalidParameter.PhoneNumberError", "The phone number is abnormal.")
        if number.startswith("1555") and len(number) == 11:
            return _declared_error(int(number[4:7]), int(number[7:]))
        if number.startswith("1666000") and len(number) == 11:
            trap = TRAPS.get(int(number[7:]))
            if trap:
                visit = self._visits[number] = self._visits.get(number, 0) + 1
                return await _spring(trap, request, number, visit)
        if space not in SPACES:
            raise Refused(BELIEFS["foreign_space"].value, "The subscriber has not bind WABA.")
        if number not in LISTS:
            raise _foreign()
        return web.json_response(listing(LISTS[number]))


async def _spring(trap: Trap, request: web.Request, number: str, visit: int) -> web.StreamResponse:
    if trap.once and visit % 2 == 0:
        return web.json_response(listing(LISTS["8613800001234"]))
    return await trap.answer(request)


def _declared_error(status: int, row: int) -> web.Response:
    if row not in ERRORS or not 200 <= status <= 599:
        raise _foreign()
    code, message = ERRORS[row]
    return web.json_response(error_body(code, message), status=status)


def _foreign() -> Refused:
    return Refused(BELIEFS["foreign_number"].value, "The phoneCode is not bind to the subscriber.")


def listing(items: Any) -> dict[str, Any]:
    """A successful answer around the items."""
    return {
        "RequestId": str(uuid4()).upper(),
        "AccessDeniedDetail": "None",
        "Message": "None",
        "Code": "OK",
        "Data": items,
    }
