"""Compares the caller's policies with deploy/policy.json: what is granted, what is missing, what depends on conditions.

Source: "Policy evaluation process" (RAM): a deny takes precedence, else an allow is needed. Control policies of a
resource directory and session policies are not checked, because callers cannot see them.
"""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

from deploy.account import Account
from deploy.doctor.check import Planned, grant
from deploy.table import Finding, fine, unknown, wrong

_POLICY = Path(__file__).parent.parent / "policy.json"
_WHAT = "rights"
_SHOWN = 6
_EVALUATED = {"Effect", "Action", "NotAction", "Resource"}

Verdict = Literal["granted", "missing", "depends"]


class Right(NamedTuple):
    """One action on one resource."""

    action: str
    resource: str


def rights(planned: Planned) -> Finding:
    """The row about the caller's rights."""
    if planned.identity.kind == "Account":
        return fine(_WHAT, "all, as the account itself; a RAM user with deploy/policy.json alone is safer")
    needed = list(needed_rights(planned))
    statements = list(_statements(planned))
    verdicts = {right: verdict(right, statements) for right in needed}
    missing = _actions(verdicts, "missing")
    if missing:
        return wrong(_WHAT, f"missing {len(missing)} actions of deploy/policy.json: {_some(missing)}", grant(planned))
    depends = _actions(verdicts, "depends")
    if depends:
        return unknown(_WHAT, f"granted on conditions that are not evaluated: {_some(depends)}")
    return fine(_WHAT, f"all {len({right.action for right in needed})} actions of deploy/policy.json")


def needed_rights(planned: Planned) -> Iterator[Right]:
    """The rights in deploy/policy.json, with this deployment's names."""
    text = _POLICY.read_text().replace("BUCKET", planned.bucket).replace("FUNCTION_NAME", planned.function)
    for statement in json.loads(text)["Statement"]:
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                yield Right(action, _one(action, resource, planned))


def _one(action: str, resource: str, planned: Planned) -> str:
    """One resource that matches the pattern."""
    if resource == "*":
        resource = f"acs:{action.partition(':')[0]}:*:*:*"
    parts = resource.split(":", 4)
    # RAM has no regions, so its ARNs contain none.
    region, account = ("" if parts[1] == "ram" else planned.account.region, planned.identity.account_id)
    return ":".join([*parts[:2], region, account, parts[4].replace("*", "any")])


def verdict(right: Right, statements: list[Mapping[str, Any]]) -> Verdict:
    """Whether the statements grant the right."""
    about = [statement for statement in statements if _covers(statement, right)]
    denying = [statement for statement in about if statement["Effect"] == "Deny"]
    allowing = [statement for statement in about if statement["Effect"] == "Allow"]
    if not allowing or not all(map(_depends, denying)):
        return "missing"
    if denying or all(map(_depends, allowing)):
        return "depends"
    return "granted"


def _depends(statement: Mapping[str, Any]) -> bool:
    """Whether the statement has parts that are not evaluated, such as Condition or NotResource."""
    return not statement.keys() <= _EVALUATED


def _covers(statement: Mapping[str, Any], right: Right) -> bool:
    if "NotAction" in statement:
        is_about = not _matches(statement["NotAction"], right.action)
    else:
        is_about = _matches(statement.get("Action", []), right.action)
    return is_about and _matches(statement.get("Resource", "*"), right.resource)


def _matches(patterns: Any, text: str) -> bool:
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(text.lower(), _literal(pattern.lower())) for pattern in patterns)


def _literal(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def _statements(planned: Planned) -> Iterator[Mapping[str, Any]]:
    account = planned.account
    for policy in _policies(account, planned):
        found = account.rpc("ram", "GetPolicy", PolicyName=policy["PolicyName"], PolicyType=policy["PolicyType"])
        yield from json.loads(found["DefaultPolicyVersion"]["PolicyDocument"])["Statement"]


def _policies(account: Account, planned: Planned) -> Iterator[Mapping[str, Any]]:
    name = planned.identity.name
    if planned.identity.kind != "RAMUser":
        yield from account.rpc("ram", "ListPoliciesForRole", RoleName=name)["Policies"]["Policy"]
        return
    yield from account.rpc("ram", "ListPoliciesForUser", UserName=name)["Policies"]["Policy"]
    for group in account.rpc("ram", "ListGroupsForUser", UserName=name)["Groups"]["Group"]:
        yield from account.rpc("ram", "ListPoliciesForGroup", GroupName=group["GroupName"])["Policies"]["Policy"]


def _actions(verdicts: Mapping[Right, Verdict], wanted: Verdict) -> list[str]:
    return list(dict.fromkeys(right.action for right, found in verdicts.items() if found == wanted))


def _some(actions: list[str]) -> str:
    more = f" and {len(actions) - _SHOWN} more" if len(actions) > _SHOWN else ""
    return ", ".join(actions[:_SHOWN]) + more
