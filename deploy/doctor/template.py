"""Asks ROS which actions the template needs, and compares them with deploy/policy.json.

It is the only statement of the vendor about that. Actions that only deploy/policy.json has are no difference: `make
deploy` calls other services itself. A right that ROS lists and the policy lacks is `?`, because it does not stop a
caller who has more rights than the policy, and only a deployment shows whether ROS uses it.

Source: GenerateTemplatePolicy (ROS, 2019-09-10): with ResolveParameters, conditions are evaluated; with
MandatoryPolicy, only what the template cannot do without is listed; a long template belongs in the body.
"""

import json
from collections.abc import Iterator
from typing import Any

from alibabacloud_tea_openapi.utils import Utils

from deploy.doctor.check import Planned, grant
from deploy.doctor.rights import needed_rights
from deploy.parameters import TEMPLATE
from deploy.table import Finding, fine, unknown

_WHAT = "rights, by ROS"


def template_rights(planned: Planned) -> Finding:
    """The row about what ROS needs for this template and these parameters."""
    answer = planned.account.rpc("ros", "GenerateTemplatePolicy", Utils.query(_request(planned)))
    listed = set(_actions(answer["Policy"]["Statement"]))
    if not listed:
        return unknown(_WHAT, "ROS lists no actions")
    known = {right.action.lower() for right in needed_rights(planned)}
    lacking = sorted(action for action in listed if action.lower() not in known)
    if not lacking:
        return fine(_WHAT, f"deploy/policy.json has all {len(listed)} actions that ROS lists for this template")
    told = f"ROS lists actions that deploy/policy.json lacks: {', '.join(lacking)}"
    return unknown(_WHAT, told, f"{grant(planned)}, with these")


def _request(planned: Planned) -> dict[str, Any]:
    """Secrets are left out, and with them the template's rules, which would miss them; neither decides about rights."""
    secrets = {name for name, parameter in TEMPLATE["Parameters"].items() if parameter.get("NoEcho")}
    given = {name: planned.parameters[name] for name in TEMPLATE["Parameters"] if name not in secrets}
    code = {"CodeObject": given["CodeObject"] or "cams-qr/doctor.zip", "CodeChecksum": given["CodeChecksum"] or "0"}
    given |= {"CodeBucket": planned.bucket, **code}
    return {
        "TemplateBody": json.dumps({name: part for name, part in TEMPLATE.items() if name != "Rules"}),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        "OperationTypes": ["CreateStack", "UpdateStack", "DeleteStack"],
        "GenerateOptions": ["ResolveParameters", "MandatoryPolicy"],
    }


def _actions(statements: list[dict[str, Any]]) -> Iterator[str]:
    for statement in statements:
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions
