"""The parameters of template.yml: their defaults, its functions of them, what it requires of each, and its rules."""

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cams_qr.settings import SettingsError, read_settings

TEMPLATE = yaml.load((Path(__file__).parent.parent / "template.yml").read_text(), yaml.CSafeLoader)

_PROJECT_LENGTH = 63
_GATEWAY = 'deploy once with GatewayId "", then with all of the gateway\'s parameters'
# Parameters in properties that ROS cannot change, and what to do instead. Sources: the pages of the resource types.
_FIXED = {
    "FunctionName": "deploy it as another stack (STACK=…), and remove this one",
    "DomainName": 'deploy once with DomainName "", then with the new one',
    "GatewayId": _GATEWAY,
    "GatewayEnvironmentId": _GATEWAY,
    "GatewayDomainId": _GATEWAY,
}


def with_defaults(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters, with the template's default for each that is not given."""
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in TEMPLATE["Parameters"].items()}
    return defaults | dict(parameters)


def first_of(value: str) -> str:
    """The first of several comma-separated values, or empty."""
    return value.split(",")[0].strip()


def misfits(given: Mapping[str, str]) -> list[str]:
    """A sentence for each parameter that the template does not have, or that breaks its constraint there."""
    wrongs = {name: _misfit(TEMPLATE["Parameters"].get(name), text) for name, text in given.items()}
    return [f"{name} {wrong}" for name, wrong in wrongs.items() if wrong]


def contradictions(parameters: Mapping[str, str]) -> list[str]:
    """A sentence for each of the template's rules that the parameters break, as ROS would say."""
    known = with_defaults(parameters)
    return [
        assertion["AssertDescription"]
        for rule in TEMPLATE["Rules"].values()
        if value(rule["RuleCondition"], known)
        for assertion in rule["Assertions"]
        if not value(assertion["Assert"], known)
    ]


def fixed(kept: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """A sentence for each parameter with which ROS cannot update a stack that keeps the others."""
    new = {**kept, **given}
    names = [name for name in _FIXED if kept.get(name) and new[name] not in ("", kept[name])]
    if not (kept.get("GatewayId") and new.get("GatewayId")):
        names = [name for name in names if _FIXED[name] != _GATEWAY]
    return [f"{name} cannot be changed in place: {_FIXED[name]}." for name in names]


def too_long(parameters: Mapping[str, str], account_id: str, region: str) -> list[str]:
    """A sentence if the function's name makes the SLS project's too long there. Source: CreateProject (SLS)."""
    known = with_defaults(parameters) | {"ALIYUN::TenantId": account_id, "ALIYUN::Region": region}
    project = value(TEMPLATE["Resources"]["LogProject"]["Properties"]["Name"], known)
    excess = len(project) - _PROJECT_LENGTH
    if excess <= 0:
        return []
    fitting = len(known["FunctionName"]) - excess
    return [
        f"FunctionName must have at most {fitting} characters in {region}, because the SLS project is named "
        f"FunctionName-ACCOUNT-REGION, and may have {_PROJECT_LENGTH}."
    ]


def refused_settings(parameters: Mapping[str, str]) -> list[str]:
    """What the function would say of its settings at its start, which ROS cannot know."""
    known = with_defaults(parameters)
    # A secret that a stack keeps is told as asterisks.
    if known["RedisUrl"].strip("*") == "" != known["RedisUrl"]:
        known["RedisUrl"] = "redis://kept"
    try:
        read_settings(value(TEMPLATE["Resources"]["Function"]["Properties"]["EnvironmentVariables"], known))
    except SettingsError as error:
        return [f"{error}."]
    return []


def _misfit(parameter: Mapping[str, Any] | None, text: str) -> str:
    if parameter is None:
        return "is no parameter of template.yml."
    given: Any = _number(text) if parameter["Type"] == "Number" else text
    if isinstance(given, float) and not math.isfinite(given):
        return "must be a number."
    if "AllowedValues" in parameter and given not in parameter["AllowedValues"]:
        return f"must be one of {', '.join(map(str, parameter['AllowedValues']))}."
    if "MinValue" in parameter and not parameter["MinValue"] <= given <= parameter["MaxValue"]:
        return f"must be {parameter['MinValue']} to {parameter['MaxValue']}."
    if len(text) > parameter.get("MaxLength", math.inf):
        return f"must have at most {parameter['MaxLength']} characters."
    if not re.search(parameter.get("AllowedPattern", ""), text):
        return str(parameter.get("ConstraintDescription", f"must match {parameter['AllowedPattern']}"))
    return ""


def _number(text: str) -> float:
    """Not a number where the text is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def value(node: Any, parameters: Mapping[str, Any]) -> Any:
    """Evaluate a part of the template, which may use the functions below and refer to parameters."""
    if isinstance(node, list):
        return [value(item, parameters) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((name, argument),) = node.items()
        if name == "Ref":
            return parameters[argument]
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](value(argument, parameters))
    return {key: value(item, parameters) for key, item in node.items()}


def _select(argument: list[Any]) -> Any:
    index, items = argument
    return dict(enumerate(items)).get(int(index), "")


def _json_value(argument: list[str]) -> str:
    key, text = argument
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    return str(document.get(key, "")) if isinstance(document, dict) else ""


def _calculate(argument: list[Any]) -> float:
    """Calculate with numbers given as text; NaN if one of them is not a number, so that no rule holds."""
    expression, digits, given = argument
    numbers = [_number(text) for text in given]
    if not all(map(math.isfinite, numbers)):
        return math.nan
    try:
        return round(float(eval(expression.format(*numbers), {"__builtins__": {}})), digits or None)
    except ZeroDivisionError:
        return math.nan


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::Equals": lambda argument: argument[0] == argument[1],
    "Fn::Not": lambda argument: not argument,
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Str": str,
    "Fn::Join": lambda argument: argument[0].join(map(str, argument[1])),
    "Fn::Split": lambda argument: argument[1].split(argument[0]),
    "Fn::Select": _select,
    "Fn::GetJsonValue": _json_value,
    "Fn::Calculate": _calculate,
}
