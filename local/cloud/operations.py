"""The RPC operations of other services that the checks call; each answers as its reference page says.

Sources: GetCallerIdentity (STS), GetRole, GetPolicy and ListPolicies… (RAM), DescribeVpcs and DescribeVSwitches (VPC),
DescribeSecurityGroups (ECS).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.acs3 import Refused
from local.cloud import rights
from local.cloud.account import ACCOUNT_ID, Account

Operation = Callable[[Account, Mapping[str, str]], dict[str, Any]]


def _identity(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    return {
        "AccountId": ACCOUNT_ID,
        "Arn": account.arn,
        "IdentityType": account.identity_type,
        "PrincipalId": "2000001",
        "UserId": "2000001",
    }


def _role(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    if given["RoleName"] not in account.roles:
        raise Refused("EntityNotExist.Role", "The role does not exist: " + given["RoleName"], 404)
    return {"Role": {"RoleName": given["RoleName"]}}


def _policies(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    return _listed(account.policies)


def _group_policies(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    return _listed(account.group_policies)


def _listed(policies: Mapping[str, Any]) -> dict[str, Any]:
    return {"Policies": {"Policy": [{"PolicyName": name, "PolicyType": "Custom"} for name in policies]}}


def _groups(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    return {"Groups": {"Group": [{"GroupName": "deployers"}] if account.group_policies else []}}


def _policy(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    document = (account.policies | account.group_policies)[given["PolicyName"]]
    return {"Policy": {}, "DefaultPolicyVersion": {"PolicyDocument": json.dumps(document)}}


def _vpcs(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    return {"Vpcs": {"Vpc": [{"VpcId": vpc} for vpc in account.vpcs if vpc == given["VpcId"]]}}


def _vswitches(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    found = account.vswitches.get(given["VSwitchId"])
    switches = [{"VSwitchId": given["VSwitchId"], "VpcId": found[0], "ZoneId": found[1]}] if found else []
    return {"VSwitches": {"VSwitch": switches}}


def _security_groups(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    groups = [{"SecurityGroupId": group, "VpcId": vpc} for group, vpc in account.security_groups.items()]
    found = [group for group in groups if group["SecurityGroupId"] == given["SecurityGroupId"]]
    return {"SecurityGroups": {"SecurityGroup": found}}


# What the policies name, and the parameters with their names.
_NAMED = {"role": "RoleName", "policy": "PolicyName", "user": "UserName", "group": "GroupName"}

# Operation -> (RAM action, answer). GetCallerIdentity needs no right.
OPERATIONS: dict[str, tuple[str, Operation]] = {
    "GetCallerIdentity": ("", _identity),
    "GetRole": ("ram:GetRole", _role),
    "ListPoliciesForUser": ("ram:ListPoliciesForUser", _policies),
    "ListPoliciesForRole": ("ram:ListPoliciesForRole", _policies),
    "ListGroupsForUser": ("ram:ListGroupsForUser", _groups),
    "ListPoliciesForGroup": ("ram:ListPoliciesForGroup", _group_policies),
    "GetPolicy": ("ram:GetPolicy", _policy),
    "DescribeVpcs": ("vpc:DescribeVpcs", _vpcs),
    "DescribeVSwitches": ("vpc:DescribeVSwitches", _vswitches),
    "DescribeSecurityGroups": ("ecs:DescribeSecurityGroups", _security_groups),
}


def operate(account: Account, operation: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The answer to an RPC operation. Raises Refused, with the service's own code for a missing right."""
    if operation not in OPERATIONS:
        raise Refused("InvalidAction.NotFound", "Specified api is not found.", 404)
    action, answer = OPERATIONS[operation]
    names = {name: given.get(parameter, "any") for name, parameter in _NAMED.items()}
    if action and rights.lacking(account, action, **names):
        code = "NoPermission" if action.startswith("ram:") else "Forbidden.RAM"
        raise Refused(code, f"You are not authorized to do this action: {action}", 403)
    return answer(account, given)
