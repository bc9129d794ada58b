"""What RAM lets the caller do, in its own calls and in those that ROS makes with the caller's rights.

A caller's policies are evaluated as "Policy evaluation process" (RAM) says: a deny wins, else an allow is needed. This
is written independently of deploy/doctor/rights.py, which tests run against it. Conditions are never met here.

Which actions a service checks, and on what, is from its page "RAM authorization", for Function Compute from "Policies
and sample policies" (3.0), whose sample refusal names a single trigger; the tables of its API say all resources.

Which of them ROS needs for a resource type is documented nowhere. It is inferred from the operations that create, read,
update and delete each type; the real ROS corrects it in the row "rights, by ROS" of `make doctor`. That ROS acts with
the caller's rights is from "Use a stack role" (ROS), and that Function Compute reads the package with them from
CreateFunction, which refuses a caller without oss:GetObject.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from deploy.parameters import value, with_defaults
from local.acs3 import Refused
from local.cloud.account import ACCOUNT_ID, Account

# The resource that is checked -> the actions that are checked on it.
_CHECKED = {
    "acs:oss:{region}:{account}:{object}": "oss:PutObject oss:GetObject",
    "acs:ros:{region}:{account}:stack/{stack}": """
        ros:ListStacks ros:PreviewStack ros:CreateStack ros:UpdateStack ros:GetStack ros:ListStackEvents
        ros:DeleteStack ros:ListStackResources""",
    "acs:ros:{region}:{account}:template/{template}": "ros:GenerateTemplatePolicy",
    # ROS deletes the two settings when it updates a stack of 1.0.0, whose template had a resource for each.
    "acs:fc:{region}:{account}:functions/{function}": """
        fc:CreateFunction fc:UpdateFunction fc:GetFunction fc:DeleteFunction fc:InvokeFunction
        fc:PutConcurrencyConfig fc:GetConcurrencyConfig fc:DeleteConcurrencyConfig
        fc:PutFunctionAsyncInvokeConfig fc:GetFunctionAsyncInvokeConfig fc:DeleteFunctionAsyncInvokeConfig""",
    "acs:fc:{region}:{account}:functions/{function}/triggers/{trigger}": """
        fc:CreateTrigger fc:UpdateTrigger fc:GetTrigger fc:DeleteTrigger fc:ListTriggers""",
    "acs:fc:{region}:{account}:custom-domains/{domain}": """
        fc:CreateCustomDomain fc:GetCustomDomain fc:UpdateCustomDomain fc:DeleteCustomDomain""",
    "acs:fc:{region}:{account}:concurrency-configs/*": "fc:ListConcurrencyConfigs",
    "acs:fc:{region}:{account}:account-settings/*": "fc:GetAccountSettings",
    # RAM has no regions. Attaching is checked on both.
    "acs:ram::{account}:role/{role}": """
        ram:CreateRole ram:GetRole ram:UpdateRole ram:DeleteRole ram:PassRole ram:ListPoliciesForRole
        ram:AttachPolicyToRole ram:DetachPolicyFromRole""",
    "acs:ram::{account}:policy/{policy}": """
        ram:CreatePolicy ram:GetPolicy ram:DeletePolicy ram:CreatePolicyVersion ram:GetPolicyVersion
        ram:SetDefaultPolicyVersion ram:DeletePolicyVersion ram:ListPolicyVersions
        ram:AttachPolicyToRole ram:DetachPolicyFromRole""",
    "acs:ram::{account}:user/{user}": "ram:ListPoliciesForUser ram:ListGroupsForUser",
    "acs:ram::{account}:group/{group}": "ram:ListPoliciesForGroup",
    "acs:log:{region}:{account}:project/{project}": """
        log:CreateProject log:GetProject log:UpdateProject log:DeleteProject""",
    "acs:log:{region}:{account}:project/{project}/logstore/{logstore}": """
        log:CreateLogStore log:GetLogStore log:UpdateLogStore log:DeleteLogStore log:GetLogStoreLogs
        log:CreateIndex log:GetIndex log:UpdateIndex log:DeleteIndex""",
    "acs:log:{region}:{account}:project/{project}/dashboard/{dashboard}": """
        log:CreateDashboard log:GetDashboard log:UpdateDashboard log:DeleteDashboard""",
    "acs:log:{region}:{account}:project/{project}/job/{job}": "log:CreateJob log:GetJob log:UpdateJob log:DeleteJob",
    "acs:log:{region}:{account}:service": "log:GetSlsService",
    "acs:apig:{region}:{account}:gateway/{gateway}": "apig:GetGateway",
    "acs:apig:{region}:{account}:service/{service}": """
        apig:CreateService apig:GetService apig:UpdateService apig:DeleteService""",
    "acs:apig:{region}:{account}:httpapi/{api}": """
        apig:CreateHttpApi apig:GetHttpApi apig:UpdateHttpApi apig:DeleteHttpApi
        apig:CreateHttpApiRoute apig:GetHttpApiRoute apig:UpdateHttpApiRoute apig:DeleteHttpApiRoute
        apig:DeployHttpApi apig:UndeployHttpApi""",
    "acs:vpc:{region}:{account}:vpc/{vpc}": "vpc:DescribeVpcs",
    "acs:vpc:{region}:{account}:vswitch/{vswitch}": "vpc:DescribeVSwitches",
    "acs:ecs:{region}:{account}:securitygroup/{group}": "ecs:DescribeSecurityGroups",
    # Their services offer no narrower resource.
    "*": """
        cams:ListPhoneMessageQrdl log:CreateAlert log:GetAlert log:UpdateAlert log:DeleteAlert""",
}
# Action -> the resources that it is checked on.
RESOURCES = {
    action: [resource for resource, actions in _CHECKED.items() if action in actions.split()]
    for action in " ".join(_CHECKED.values()).split()
}


def _calls(operations: str, also: str = "") -> dict[str, list[str]]:
    """The actions for each change of a type whose operations are named like `fc:{}Function`."""
    named = {verb: operations.format(verb) for verb in ("Create", "Get", "Update", "Delete")}
    return {
        "Add": [named["Create"], named["Get"], *also.split()],
        "Modify": [named["Update"], named["Get"], *also.split()],
        "Remove": [named["Delete"], named["Get"]],
    }


_JOB, _ALERT = _calls("log:{}Job"), _calls("log:{}Alert")

# Resource type -> what ROS does to it -> the actions that this takes.
TYPES: dict[str, dict[str, list[str]]] = {
    "ALIYUN::SLS::Project": _calls("log:{}Project"),
    "ALIYUN::SLS::Logstore": _calls("log:{}LogStore"),
    "ALIYUN::SLS::Index": _calls("log:{}Index"),
    "ALIYUN::SLS::Dashboard": _calls("log:{}Dashboard"),
    # Alerts are jobs, and the documentation names both.
    "ALIYUN::SLS::Alert": {change: _JOB[change] + _ALERT[change] for change in _JOB},
    "ALIYUN::RAM::Role": {
        "Add": ["ram:CreateRole", "ram:GetRole", "ram:CreatePolicy", "ram:GetPolicy", "ram:AttachPolicyToRole"],
        "Modify": [
            *("ram:UpdateRole", "ram:GetRole", "ram:GetPolicy", "ram:CreatePolicyVersion"),
            *("ram:ListPolicyVersions", "ram:DeletePolicyVersion"),
        ],
        "Remove": [
            *("ram:ListPoliciesForRole", "ram:DetachPolicyFromRole", "ram:ListPolicyVersions"),
            *("ram:DeletePolicyVersion", "ram:DeletePolicy", "ram:DeleteRole", "ram:GetRole"),
        ],
    },
    "ALIYUN::FC3::Function": _calls("fc:{}Function", also="ram:PassRole oss:GetObject"),
    "ALIYUN::FC3::Trigger": _calls("fc:{}Trigger"),
    "ALIYUN::FC3::CustomDomain": _calls("fc:{}CustomDomain"),
    "ALIYUN::APIG::Service": _calls("apig:{}Service"),
    "ALIYUN::APIG::HttpApi": _calls("apig:{}HttpApi"),
    "ALIYUN::APIG::Route": _calls("apig:{}HttpApiRoute"),
    "ALIYUN::APIG::ApiAttachment": {
        "Add": ["apig:DeployHttpApi", "apig:GetHttpApiRoute"],
        "Remove": ["apig:UndeployHttpApi", "apig:GetHttpApiRoute"],
    },
}
_CHANGES = {"CreateStack": ["Add"], "UpdateStack": ["Add", "Modify", "Remove"], "DeleteStack": ["Remove"]}


def lacking(account: Account, action: str, **names: str) -> str:
    """The resource on which the caller may not do this, or empty; `names` are those in _CHECKED that are known."""
    if action in account.denied:
        return "*"
    if account.identity_type == "Account":
        return ""
    known = defaultdict(lambda: "any", region=account.region, account=ACCOUNT_ID, **names)
    checked = (resource.format_map(known) for resource in RESOURCES[action])
    return next((resource for resource in checked if not _may(account, action, resource)), "")


def _may(account: Account, action: str, resource: str) -> bool:
    policies = [*account.policies.values(), *account.group_policies.values()]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    effects = {s["Effect"] for s in statements if _applies(s, action, resource)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return (
        "Condition" not in statement and _fits(statement, "Action", action) and _fits(statement, "Resource", resource)
    )


def _fits(statement: Mapping[str, Any], element: str, text: str) -> bool:
    """Whether this element of the statement, or its opposite, such as NotAction, is about the text."""
    opposite = f"Not{element}"
    patterns = statement[opposite] if opposite in statement else statement[element]
    patterns = [patterns] if isinstance(patterns, str) else patterns
    found = any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.IGNORECASE) for pattern in patterns)
    return found is not (opposite in statement)


def forbidden(
    account: Account, template: Mapping[str, Any], parameters: Mapping[str, str], changes: Mapping[str, str]
) -> dict[str, str]:
    """The first resource that ROS may not change so with the caller's rights, and why; none if it may change all."""
    names = _names(account, template, parameters)
    for name, change in changes.items():
        resource = template["Resources"][name]
        own = {"trigger": str(resource["Properties"].get("TriggerName"))}
        for action in TYPES[resource["Type"]].get(change, []):
            lacked = lacking(account, action, **names, **own)
            if lacked:
                return {name: f"Forbidden.RAM: the caller is not authorized to perform {action} on {lacked}"}
    return {}


def _names(account: Account, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """What the template calls the resources that policies name. That ROS adds nothing to PolicyName is assumed."""
    known = with_defaults(parameters) | {"ALIYUN::Region": account.region, "ALIYUN::TenantId": ACCOUNT_ID}
    parts = {name: resource["Properties"] for name, resource in template["Resources"].items()}
    found = {
        "function": parts["Function"]["FunctionName"],
        "role": parts["Role"]["RoleName"],
        "policy": parts["Role"]["Policies"][0]["PolicyName"],
        "project": parts["LogProject"]["Name"],
    }
    names = {name: str(value(part, known)) for name, part in found.items()}
    return names | {"object": f"{known['CodeBucket']}/{known['CodeObject']}"}


def template_policy(account: Account, given: Mapping[str, str]) -> dict[str, Any]:
    """ROS's answer to GenerateTemplatePolicy, whose page says what may be combined with what. Raises Refused."""
    options = set(_listed(given, "GenerateOptions"))
    if "MandatoryPolicy" in options and "ResolveParameters" not in options:
        raise Refused("InvalidParameter", "MandatoryPolicy must be used together with ResolveParameters.")
    template = yaml.load(given["TemplateBody"], yaml.CSafeLoader)
    types = {
        resource["Type"]
        for resource in template["Resources"].values()
        if "ResolveParameters" not in options or _is_there(resource, template, given)
    }
    changes = [change for operation in _listed(given, "OperationTypes") for change in _CHANGES[operation]]
    actions = {action for kind in types for change in changes for action in TYPES[kind].get(change, [])}
    statement = {"Effect": "Allow", "Action": sorted(actions | account.template_actions), "Resource": "*"}
    return {"Policy": {"Version": "1", "Statement": [statement]}, "PolicyFunctions": []}


def _is_there(resource: Mapping[str, Any], template: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """Whether the resource's condition holds for the parameters in the request."""
    names = {key.removesuffix("Key"): name for key, name in given.items() if key.endswith(".ParameterKey")}
    known = with_defaults({name: given.get(f"{key}Value", "") for key, name in names.items()})
    return bool(value(template["Conditions"].get(resource.get("Condition"), True), known))


def _listed(given: Mapping[str, str], name: str) -> Iterator[str]:
    return (text for key, text in given.items() if re.fullmatch(rf"{name}\.\d+", key))
