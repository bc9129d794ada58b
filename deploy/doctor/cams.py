"""Checks Chat App Message Service with one real call, as the function makes it, but with the deployer's credentials."""

import time

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials_api import ICredentials, ICredentialsProvider

from cams_qr.cams.operation import create_client
from cams_qr.deadline import Deadline, Departure
from cams_qr.problems import Problem
from cams_qr.query import parse_query
from deploy.account import stand_in
from deploy.doctor.check import Planned, not_permitted
from deploy.table import Finding, fine, unknown, wrong

# Reserved for fiction (North American numbering plan), so it belongs to nobody.
NOBODY = "12025550123"
_WHAT = "CAMS"
_SECONDS = 15.0
_CONSOLE = "https://chatapp.console.alibabacloud.com/"
_FIXES = {
    "not_subscribed": _CONSOLE,
    "credentials_unavailable": "aliyun configure",
    "upstream_unavailable": "make doctor   # again later; or CamsEndpoint is wrong",
    "upstream_timeout": "make doctor   # again later; or CamsEndpoint is wrong",
}


def cams(planned: Planned) -> Finding:
    """The account has subscribed to CAMS, and this caller may call it."""
    try:
        found = _ask(planned)
    except Problem as problem:
        return _row(planned, problem)
    return fine(_WHAT, f"subscribed and permitted; that number has {found} QR codes")


def _ask(planned: Planned) -> int:
    protocol, endpoint = stand_in() or ("https", planned.parameters["CamsEndpoint"])
    asking = create_client(endpoint, protocol.upper(), _DeployersCredentials())
    deadline = Deadline.after(_SECONDS)
    departure = Departure(time.monotonic(), deadline.at)
    found = asking.list_qr_codes(parse_query([("phoneNumber", planned.number or NOBODY)]), departure, deadline)
    return len(found.qr_codes)


class _DeployersCredentials(ICredentialsProvider):  # type: ignore[misc]  # the library is not typed
    """The same credentials as in all other checks. The function's own provider would disable an ECS instance's role."""

    def get_credentials(self) -> ICredentials:
        return CredentialClient().get_credential()

    async def get_credentials_async(self) -> ICredentials:
        return self.get_credentials()

    def get_provider_name(self) -> str:
        return "deployer"


def _row(planned: Planned, problem: Problem) -> Finding:
    upstream = f" ({problem.upstream.code})" if problem.upstream else ""
    if problem.code == "not_owned":
        return fine(_WHAT, f"subscribed and permitted; the number is not this account's{upstream}")
    if problem.code == "permission_denied":
        return not_permitted(planned, _WHAT, f"cams:ListPhoneMessageQrdl{upstream}; the function has it by its role")
    # What CAMS answers for a number that belongs to nobody is not known for certain.
    is_unclear = problem.code == "upstream_error" and not planned.number
    if is_unclear or problem.code in ("throttled", "invalid_request"):
        return unknown(
            _WHAT, f"{problem.code}{upstream}: {problem.detail}", "make doctor NUMBER=…   # one of the account's"
        )
    return wrong(_WHAT, f"{problem.code}{upstream}: {problem.detail}", _FIXES.get(problem.code, _CONSOLE))
