"""Stand-ins for the cloud services that a deployment calls, on one loopback port; signatures are really verified."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web

from local.acs3 import Refused, SignedRequest, Verifier
from local.cloud import operations, oss, rest, rights, ros, sls
from local.cloud.account import Account
from local.fc import Handler, make_request_id
from local.invocations import PATH, bare, invocations
from local.refusals import refusal
from local.sandbox import DEMO_KEY, DEMO_KEY_ID, Sandbox
from local.traps import error_body

__all__ = ["Account", "Cloud"]

Check = Callable[[web.Request], None]

_ROS_VERSION = "2019-09-10"
_CAMS_VERSION = "2020-06-06"


@dataclass
class Cloud(ros.Stacks):
    """One account in one region, whose services do what the caller's policies allow.

    If there is a function, InvokeFunction reaches it. `urls` are those of RPC calls, `sent` the objects uploaded. No
    page says whether OSS tells a caller without oss:ListObjects that an object is not there, or hides that as S3 does,
    with 403: `hides_objects`.
    """

    account: Account = field(default_factory=Account)
    logs: sls.LogStore = field(default_factory=sls.LogStore)
    sandbox: Sandbox = field(default_factory=Sandbox)
    urls: list[str] = field(default_factory=list)
    hides_objects: bool = False
    sent: list[str] = field(default_factory=list)

    def app(self, function: Handler | None = None, make_context: Callable[[], Any] = lambda: None) -> web.Application:
        """All services as one application: RPC at the root, services with paths, and buckets below all other paths."""
        self._verifier = Verifier({DEMO_KEY_ID: DEMO_KEY})
        self.sandbox.app()
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_post("/", self._rpc)
        if function:
            instance = ThreadPoolExecutor(max_workers=1, thread_name_prefix="instance")
            self._invoked = invocations(function, make_context, instance, self._verifier, bare)
            app.router.add_post(PATH, self._invoke)
        for prefix in ("2023-03-30", "2021-04-06", "v1"):
            app.router.add_route("*", f"/{prefix}/{{path:.*}}", self._rest)
        for path in ("/slsservice", "/logstores/{name}", "/alerts/{name}"):
            app.router.add_get(path, self._sls)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._oss)
        return app

    def failures(self, stack: ros.Stack, action: str) -> dict[str, str]:
        """ROS acts with the caller's rights."""
        changes = self.changes(stack, action)
        forbidden = rights.forbidden(self.account, stack.template, stack.parameters, changes)
        return forbidden or super().failures(stack, action)

    def changed(self, changes: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        """A changed route is served as it was published before; see "Save and Publish" in the console.

        ROS updates a function with UpdateFunction, which leaves alone what it is not given, such as a VPC.

        That a function takes its concurrency and its asynchronous settings along when it is removed is an assumption:
        DeleteFunction only requires that its triggers were deleted; devsapp/fc3 deletes the settings first.
        """
        if changes.get("GatewayPublication") == "Add":
            self.account.route = "Deployed"
        elif changes.get("GatewayRoute") == "Modify":
            self.account.route = "DeployedWithChanges"
        name = parameters["FunctionName"]
        if changes.get("Function") == "Remove":
            for kept in (self.account.functions, self.account.reserved, self.account.asynchronous):
                kept.pop(name, None)
            return
        function = self.account.functions.setdefault(name, {"functionName": name})
        if changes.get("Function") in ("Add", "Modify") and parameters["VpcId"]:
            function["vpcConfig"] = {
                "vpcId": parameters["VpcId"],
                "vSwitchIds": [parameters["VSwitchId"]],
                "securityGroupId": parameters["SecurityGroupId"],
            }

    def at_route(self, check: Check) -> Check:
        """The check of a request to the gateway's route, which serves nothing before it is published.

        The gateway rejects with 401 (Higress, plug-in jwt-auth), where the trigger answers 403.
        """

        def checked(request: web.Request) -> None:
            if self.account.route == "NotDeployed":
                raise Refused("", "", 404)
            try:
                check(request)
            except Refused as refused:
                raise Refused(refused.code, refused.message, 401) from None

        return checked

    async def _rpc(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("x-acs-version") == _CAMS_VERSION:
            if rights.lacking(self.account, "cams:ListPhoneMessageQrdl"):
                return web.json_response(error_body("Ram.PermissionDeny", "No permission."), status=400)
            return await self.sandbox.answer(request)
        self.urls.append(str(request.url))
        return await self._signed(request, self._operation)

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        try:
            rest.check(self.account, "fc:InvokeFunction", request.match_info["name"])
        except Refused as refused:
            return refusal(refused, make_request_id())
        return await self._invoked(request)

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return await self._signed(
            request,
            lambda request, given: rest.answer(self.account, request.method, request.path, request.query, body),
        )

    async def _sls(self, request: web.Request) -> web.StreamResponse:
        return sls.answer(self, request)

    async def _oss(self, request: web.Request) -> web.StreamResponse:
        return oss.answer(self, request, await request.read())

    def _operation(self, request: web.Request, given: dict[str, str]) -> dict[str, Any]:
        operation = request.headers.get("x-acs-action", "")
        if request.headers.get("x-acs-version") == _ROS_VERSION:
            if lacked := rights.lacking(self.account, f"ros:{operation}"):
                raise Refused(
                    "Forbidden.RAM", f"the caller is not authorized to perform ros:{operation} on {lacked}", 403
                )
            if any(name.startswith("Parameters.") for name in request.query):
                # ROS would take them, but some are secrets, and URLs end up in logs.
                raise Refused("InvalidParameter", "Parameters belong into the body.", 400)
            if operation == "GenerateTemplatePolicy":
                return rights.template_policy(self.account, given)
            return self.ros(operation, given)
        return operations.operate(self.account, operation, given)

    async def _signed(
        self, request: web.Request, answer: Callable[[web.Request, dict[str, str]], dict[str, Any]]
    ) -> web.Response:
        body = await request.read()
        query = parse_qsl(request.query_string, keep_blank_values=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            self._verifier.verify(SignedRequest(request.method, request.path, query, headers, body))
            found = answer(request, dict(query) | dict(parse_qsl(body.decode())))
        except Refused as refused:
            error = {"Code": refused.code, "Message": refused.message, "RequestId": str(uuid4())}
            return web.json_response(error, status=refused.status)
        return web.json_response({"RequestId": str(uuid4()), **found})
