"""Everything that can be wrong with template.yml without a cloud to ask, found against specifications of Alibaba's own.

Resource types: ROS CDK packages (`ros_schema.py`). Trigger configurations: the models of alibabacloud-fc20230330.
Settings: settings.py.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from alibabacloud_fc20230330 import models
from jsonschema import Draft202012Validator

from cams_qr.settings import Settings
from testing.ros_schema import ResourceType, resource_types

Template = dict[str, Any]
Values = Mapping[str, Any]

TEMPLATE: Template = yaml.load(Path("template.yml").read_text(), yaml.CSafeLoader)

# "Runtimes" of Function Compute's built-in Python: those this project is tested on.
RUNTIMES = ["python3.10", "python3.12"]
PSEUDO = {"ALIYUN::Region": "ap-southeast-1", "ALIYUN::TenantId": "1234567890123456", "ALIYUN::NoValue": None}
CONSTRAINTS = {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue", "MinLength", "MaxLength"}
TRIGGER_MODELS = {
    "http": models.HTTPTriggerConfig,
    "timer": models.TimerTriggerConfig,
    "eventbridge": models.EventBridgeTriggerConfig,
}
REQUIRED = {"CodeBucket": "my-packages", "CodeObject": "cams-qr/0123.zip", "CodeChecksum": "388621963080134800"}
EVERYTHING = REQUIRED | {
    "RedisUrl": "rediss://:password@r-1.redis.rds.aliyuncs.com:6379/0",
    "RedisCaFile": "/code/redis-ca.pem",
    "AllowedPhoneNumbers": "8613800001234",
    "AllowedCustSpaceIds": "cams-8filvjc8snw",
    "CustSpaceHeader": "X-Space",
    "AllowedOrigins": "https://shop.example.com",
    "HttpAuth": "jwt",
    "JwtConfig": '{"jwks": {"keys": []}, "tokenLookup": "cookie:qr", "claimPassBy": "header:space:X-Space"}',
    "VpcId": "vpc-1",
    "VSwitchId": "vsw-1",
    "SecurityGroupId": "sg-1",
    "GatewayId": "gw-1",
    "GatewayEnvironmentId": "env-1",
    "GatewayDomainId": "d-1",
    "GatewaySetsSpace": "yes",
    "DomainName": "qr.shop.example.com",
    "DomainCertificate": "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n",
    "DomainPrivateKey": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n",
    "FailureDestination": "acs:fc:ap-southeast-1:1234567890123456:functions/failed",
    "QueueName": "qr-codes-asked",
    "DeadLetterQueueName": "qr-codes-failed",
    "TimerCron": "0 0/5 * * * *",
    "TimerPayload": '{"phoneNumber": "8613800001234"}',
    "AlertActionPolicy": "on-call",
}
OWN_LOGS = "acs:log:ap-southeast-1:1234567890123456:project/cams-qr-1234567890123456-ap-southeast-1/logstore/cams-qr"


def problems(template: Template) -> list[str]:
    """What is wrong, a sentence each; the template is right where there is none."""
    return [problem for check in CHECKS for problem in check(template)]


@cache
def types() -> dict[str, ResourceType]:
    return resource_types("ros_cdk_apig", "ros_cdk_fc3", "ros_cdk_ram", "ros_cdk_sls")


def resolved(template: Template, given: Values) -> dict[str, Any]:
    """The resources there are with these parameters, their functions replaced by values."""
    parameters = _parameter_values(template, given)
    conditions = {n: _value(c, template, parameters, {}) for n, c in template["Conditions"].items()}
    return {
        name: _value(resource["Properties"], template, parameters, conditions)
        for name, resource in template["Resources"].items()
        if conditions.get(resource.get("Condition", ""), True)
    }


def before(template: Template, resource: str) -> set[str]:
    """The resources that exist before this one is made, and until it is gone."""
    part = template["Resources"][resource]
    named = {node["Fn::GetAtt"][0] for node in _nodes(part) if "Fn::GetAtt" in node}
    named |= {node["Ref"] for node in _nodes(part) if "Ref" in node and node["Ref"] in template["Resources"]}
    named |= {part["DependsOn"]} if "DependsOn" in part else set()
    return named.union(*(before(template, name) for name in named))


def refusals(template: Template, given: Values) -> list[str]:
    """Why these parameters are refused: each is checked alone, then all by the rules."""
    parameters = _parameter_values(template, given)
    known = {name: value for name, value in parameters.items() if value is not None}
    alone = [f"{n} breaks its {c}" for n, value in known.items() for c in _broken(template["Parameters"][n], value)]
    return alone or [
        assertion.get("AssertDescription", "")
        for rule in template.get("Rules", {}).values()
        if _value(rule.get("RuleCondition", True), template, parameters, {})
        for assertion in rule["Assertions"]
        if not _value(assertion["Assert"], template, parameters, {})
    ]


def _parameter_values(template: Template, given: Values) -> dict[str, Any]:
    return {name: given.get(name, p.get("Default")) for name, p in template["Parameters"].items()}


def _value(node: Any, template: Template, parameters: Values, conditions: Values) -> Any:
    if isinstance(node, dict) and len(node) == 1:
        ((name, argument),) = node.items()
        if name in FUNCTIONS or name == "Ref":
            return _call(name, argument, template, parameters, conditions)
    if isinstance(node, dict):
        values = {key: _value(item, template, parameters, conditions) for key, item in node.items()}
        return {key: value for key, value in values.items() if value is not None}
    if isinstance(node, list):
        items = [_value(item, template, parameters, conditions) for item in node]
        # "Pseudo parameters" (ROS): ALIYUN::NoValue leaves out a property; of items no page speaks.
        assert None not in items, "ALIYUN::NoValue as an item of a list"
        return items
    return node


def _call(name: str, argument: Any, template: Template, parameters: Values, conditions: Values) -> Any:
    if name == "Ref":
        return {**parameters, **PSEUDO}.get(argument, argument)
    if name == "Fn::If":
        condition, yes, no = argument
        return _value(yes if conditions.get(condition) else no, template, parameters, conditions)
    if name == "Fn::GetAtt":
        resource, attribute = argument
        properties = template["Resources"].get(resource, {}).get("Properties", {})
        return _value(properties.get(attribute, f"{resource}.{attribute}"), template, parameters, conditions)
    return FUNCTIONS[name](_value(argument, template, parameters, conditions))


def _calculate(argument: list[Any]) -> int:
    """Of what Fn::Calculate can, the part with whole results."""
    expression, _, numbers = argument
    assert all(type(number) is int for number in numbers)
    assert re.fullmatch(r"([-+*%()]|\{[0-9]\}|[0-9])+", expression)
    return int(eval(expression.format(*numbers), {"__builtins__": {}}))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::If": lambda _: None,
    "Fn::GetAtt": lambda _: None,
    "Fn::Join": lambda a: a[0].join(str(part) for part in a[1]),
    "Fn::Str": str,
    "Fn::Calculate": _calculate,
    "Fn::Equals": lambda a: a[0] == a[1],
    "Fn::Not": lambda a: not a,
    "Fn::Or": any,
    "Fn::And": all,
    "Fn::Split": lambda a: a[1].split(a[0]),
    "Fn::Select": lambda a: [*a[1], "", "", ""][int(a[0])],
    "Fn::GetJsonValue": lambda a: json.loads(a[1]).get(a[0], ""),
}


# What a condition or a rule may be of, and what may be inside. Source: ROS, "Conditions", "Rules".
CONDITION_FUNCTIONS = {"Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"}
INNER_FUNCTIONS = {
    *("Fn::Select", "Fn::Join", "Fn::Split", "Fn::Replace", "Fn::Base64Encode", "Fn::Base64Decode"),
    *("Fn::MemberListToMap", "Fn::If", "Fn::ListMerge", "Fn::GetJsonValue", "Fn::MergeMapToList", "Fn::SelectMapList"),
    *("Fn::Add", "Fn::Avg", "Fn::Str", "Fn::Calculate", "Fn::FindInMap"),
}


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(item)


def _references(template: Template) -> Iterator[str]:
    known = {*template["Parameters"], *template["Resources"], *PSEUDO}
    used = {node["Ref"] for node in _nodes(template) if "Ref" in node}
    yield from (f"Ref to {name}, which does not exist" for name in sorted(used - known))
    yield from (f"parameter {name} is not used" for name in template["Parameters"] if name not in used)
    conditions = {node["Fn::If"][0] for node in _nodes(template) if "Fn::If" in node}
    parts = [*template["Resources"].values(), *template["Outputs"].values()]
    conditions |= {part["Condition"] for part in parts if "Condition" in part}
    first = {r["DependsOn"] for r in template["Resources"].values() if "DependsOn" in r}
    yield from (f"DependsOn {name}, which does not exist" for name in sorted(first - set(template["Resources"])))
    yield from (f"condition {name} does not exist" for name in sorted(conditions - set(template["Conditions"])))
    yield from (f"condition {name} is not used" for name in sorted(set(template["Conditions"]) - conditions))
    functions = {name for node in _nodes(template) for name in node if name.startswith("Fn::")}
    yield from (f"{name} is no function" for name in sorted(functions - set(FUNCTIONS)))


def _attributes(template: Template) -> Iterator[str]:
    for node in _nodes(template):
        if "Fn::GetAtt" in node:
            resource, attribute = node["Fn::GetAtt"]
            kind = template["Resources"].get(resource, {}).get("Type")
            if kind not in types() or attribute not in types()[kind].attributes:
                yield f"Fn::GetAtt: {resource} ({kind}) has no attribute {attribute}"


def _parameters(template: Template) -> Iterator[str]:
    for name, parameter in template["Parameters"].items():
        if not str(parameter.get("Description", "")).endswith("."):
            yield f"parameter {name} has no sentence"
        if not CONSTRAINTS & set(parameter):
            yield f"parameter {name} has no constraint"
        if re.search("Secret|Password|PrivateKey|RedisUrl", name) and parameter.get("NoEcho") is not True:
            yield f"parameter {name} is a secret, but echoed"
        for value in {EVERYTHING.get(name, parameter.get("Default")), parameter.get("Default")} - {None}:
            yield from (f"parameter {name}: {value!r} breaks its {c}" for c in _broken(parameter, value))


def _broken(parameter: Values, value: Any) -> Iterator[str]:
    checks: dict[str, Callable[[Any], bool]] = {
        "AllowedValues": lambda limit: value in limit,
        "AllowedPattern": lambda limit: bool(re.search(limit, str(value))),
        "MinValue": lambda limit: value >= limit,
        "MaxValue": lambda limit: value <= limit,
        "MinLength": lambda limit: len(value) >= limit,
        "MaxLength": lambda limit: len(value) <= limit,
    }
    return (name for name, holds in checks.items() if name in parameter and not holds(parameter[name]))


def _schemas(template: Template) -> Iterator[str]:
    for given in (REQUIRED, EVERYTHING):
        for name, properties in resolved(template, given).items():
            kind = template["Resources"][name]["Type"]
            if kind not in types():
                yield f"{name}: there is no resource type {kind}"
                continue
            for error in Draft202012Validator(types()[kind].properties).iter_errors(properties):
                yield f"{name}{error.json_path[1:]}: {error.message}"


def _trigger_configs(template: Template) -> Iterator[tuple[str, str, Values]]:
    """Name, type and configuration of each trigger, for both sets of parameters."""
    for given in (REQUIRED, EVERYTHING):
        for name, properties in resolved(template, given).items():
            if template["Resources"][name]["Type"] == "ALIYUN::FC3::Trigger":
                yield name, properties["TriggerType"], properties["TriggerConfig"]


def _triggers(template: Template) -> Iterator[str]:
    for name, kind, config in _trigger_configs(template):
        model = TRIGGER_MODELS.get(kind)
        if model is None or model().from_map(config).to_map() != config:
            yield f"{name}: TriggerConfig has keys that Function Compute does not know"


def _access(template: Template) -> Iterator[str]:
    for name, _, config in _trigger_configs(template):
        if config.get("authType", "function") not in ("function", "jwt"):
            yield f"{name}: lets anybody in"
        if config.get("authType") == "jwt" and "jwks" not in json.loads(config.get("authConfig", "{}")):
            yield f"{name}: knows no key to check tokens with"
    if template["Parameters"].get("HttpAuth", {}).get("AllowedValues") != ["function", "jwt"]:
        yield "HttpAuth: offers something else than function and jwt"
    if resolved(template, EVERYTHING).get("GatewayApi", {}).get("EnableAuth") is not True:
        yield "GatewayApi: lets anybody in"
    for auth in ("function", "jwt"):
        resources = resolved(template, EVERYTHING | {"HttpAuth": auth})
        trigger, domain = resources["HttpTrigger"]["TriggerConfig"], resources["Domain"]["AuthConfig"]
        if (trigger["authType"], trigger.get("authConfig")) != (domain["AuthType"], domain.get("AuthInfo")):
            yield "Domain: asks for another proof than the trigger"


def _rules(template: Template) -> Iterator[str]:
    for name, rule in template.get("Rules", {}).items():
        assertions = rule.get("Assertions", [])
        parts = [*(a.get("Assert") for a in assertions), *([rule["RuleCondition"]] if "RuleCondition" in rule else [])]
        if not assertions or set(rule) - {"RuleCondition", "Assertions"}:
            yield f"rule {name}: has no assertions, or something else"
        if any(not str(assertion.get("AssertDescription", "")).endswith(".") for assertion in assertions):
            yield f"rule {name}: has no sentence for whom it refuses"
        yield from (f"rule {name}: {part} is no condition" for part in parts if not _is_condition(part))
        used = {key for node in _nodes(parts) for key in node if key.startswith("Fn::")}
        yield from (f"rule {name}: {key} is not for rules" for key in used - CONDITION_FUNCTIONS - INNER_FUNCTIONS)


def _is_condition(part: Any) -> bool:
    return isinstance(part, dict) and len(part) == 1 and set(part) <= CONDITION_FUNCTIONS


def _instances(template: Template) -> Iterator[str]:
    """Without Redis the quota cannot be shared by more instances than it has whole calls."""
    url = EVERYTHING["RedisUrl"]
    yield from (f"by default: {sentence}" for sentence in refusals(template, REQUIRED) + refusals(template, EVERYTHING))
    for instances, qps in ((1, 1), (5, 5), (2, 1), (6, 5), (7, 5), (10, 5), (3, 300)):
        given = REQUIRED | {"MaxInstances": instances, "CamsQps": qps}
        if bool(refusals(template, given)) is not (instances > qps) or refusals(template, given | {"RedisUrl": url}):
            yield f"MaxInstances {instances} and CamsQps {qps}: the rules are wrong about them"


def _function(template: Template) -> Iterator[str]:
    if template["Parameters"].get("Runtime", {}).get("AllowedValues") != RUNTIMES:
        yield f"Runtime is not one of {RUNTIMES}"
    for given in (REQUIRED, EVERYTHING):
        function = resolved(template, given)["Function"]
        if (function.get("Handler"), _initializer(function)) != ("index.handler", "index.initialize"):
            yield "Function: its entry points are not those of index.py"
        if function["InstanceConcurrency"] != 1:
            yield "Function: an instance answers one request at a time"
        gigabytes = function["MemorySize"] / 1024
        if not gigabytes / 4 <= function["Cpu"] <= gigabytes or function["MemorySize"] % 64:
            yield "Function: memory is a multiple of 64 MB, 1 to 4 GB for each core"
        environment = function["EnvironmentVariables"]
        settings = {name.upper() for name in Settings.model_fields}
        yield from (f"environment variable {name} is no setting" for name in sorted(set(environment) - settings))
        yield from (f"setting {name} cannot be set" for name in sorted(settings - set(environment)))
        yield from (f"{name} is no text" for name, value in environment.items() if not isinstance(value, str))
        if sum(len(name) + len(str(value)) for name, value in environment.items()) > 4096:
            yield "environment variables are over 4 KB"
    three = resolved(template, REQUIRED | {"MaxInstances": 3})["Function"]["EnvironmentVariables"]
    if three.get("MAX_INSTANCES") != "3":
        yield "MAX_INSTANCES is not MaxInstances, which make deploy reserves"


def _initializer(function: Values) -> Any:
    return function.get("InstanceLifecycleConfig", {}).get("Initializer", {}).get("Handler")


def _role(template: Template) -> Iterator[str]:
    for given in (REQUIRED, EVERYTHING):
        role = resolved(template, given)["Role"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        if trust["Principal"] != {"Service": ["fc.aliyuncs.com"]}:
            yield "Role: somebody else than Function Compute may take it"
        allowed = [
            {"Effect": "Allow", "Action": ["cams:ListPhoneMessageQrdl"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["log:PostLogStoreLogs"], "Resource": [OWN_LOGS]},
        ]
        if destination := given.get("FailureDestination"):
            resources = [destination, f"{destination}/LATEST"]
            allowed.append({"Effect": "Allow", "Action": ["fc:InvokeFunction"], "Resource": resources})
        (policy,) = role["Policies"]
        given_rights = policy["PolicyDocument"]["Statement"]
        distinct = [right for number, right in enumerate(given_rights) if right not in given_rights[:number]]
        if distinct != allowed or "PolicyAttachments" in role:
            yield "Role: may do something else than it needs"


CHECKS: tuple[Callable[[Template], Iterator[str]], ...] = (
    _references,
    _attributes,
    _parameters,
    _schemas,
    _triggers,
    _access,
    _rules,
    _instances,
    _function,
    _role,
)
