"""What every check gets, how a refusal becomes a row, and the fixes that several checks share."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from deploy.account import Account
from deploy.sls import SlsError
from deploy.table import Finding, unknown

# The fix for a service that does not answer.
NETWORK = "export HTTPS_PROXY=http://…   # or repair this machine's network or DNS"
_FORBIDDEN = ("Forbidden", "NoPermission", "AccessDenied", "Unauthorized", "ImplicitDeny")


class Identity(NamedTuple):
    """The caller: its account, kind (`Account`, `RAMUser`, `AssumedRoleUser`) and name."""

    account_id: str
    kind: str
    name: str


class Planned(NamedTuple):
    """One planned deployment; `parameters` includes the template's defaults."""

    account: Account
    identity: Identity
    bucket: str
    runtime: str
    parameters: Mapping[str, str]
    number: str

    @property
    def function(self) -> str:
        """The function's name."""
        return self.parameters["FunctionName"]


# A check returns None if the deployment does not use what it checks.
Check = Callable[[Planned], Finding | None]
Refusal = (AlibabaCloudException, SlsError)


def code_of(error: Any) -> str:
    """The service's error code. A service behind a gateway may put its own code into the message, as JSON."""
    message = str(getattr(error, "message", ""))
    if "{" in message:
        try:
            inner = json.loads(message[message.index("{") : message.rindex("}") + 1])
            return str(inner.get("code") or inner.get("Code") or error.code)
        except ValueError:
            pass
    return str(error.code)


def is_not_activated(error: Any) -> bool:
    """Whether the account has not activated Function Compute, which is reported with the code of a missing right."""
    return "FC service is not enabled" in str(error)


def is_forbidden(error: Any) -> bool:
    """Whether the caller lacks the right for this check."""
    return code_of(error).startswith(_FORBIDDEN)


def grant(planned: Planned, policy: str = "policy.json") -> str:
    """The fix for missing rights."""
    names = f"s/BUCKET/{planned.bucket}/g; s/FUNCTION_NAME/{planned.function}/g"
    return f"sed {shlex.quote(names)} deploy/{policy}   # grant this to {planned.identity.name}"


def not_permitted(planned: Planned, what: str, right: str) -> Finding:
    """The row for what this caller may not check."""
    return unknown(what, f"cannot be known: this caller lacks {right}", grant(planned, "policy-checks.json"))
