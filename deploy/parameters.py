"""The parameters of template.yml: their defaults, its functions of them, and its rules about them."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = yaml.safe_load((Path(__file__).parent.parent / "template.yml").read_text())


def with_defaults(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters, with the template's default for each that is not given."""
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in TEMPLATE["Parameters"].items()}
    return defaults | dict(parameters)


def first_of(value: str) -> str:
    """The first of several comma-separated values, or empty."""
    return value.split(",")[0].strip()


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
        return str(json.loads(text).get(key, ""))
    except ValueError:
        return ""


def _calculate(argument: list[Any]) -> float:
    """Calculate with numbers given as text; NaN if one of them is not a number, so that no rule holds."""
    expression, _, numbers = argument
    try:
        return float(eval(expression.format(*map(float, numbers)), {"__builtins__": {}}))
    except (ValueError, ZeroDivisionError):
        return math.nan


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::Equals": lambda argument: argument[0] == argument[1],
    "Fn::Not": lambda argument: not argument,
    "Fn::And": all,
    "Fn::Or": any,
    "Fn::Join": lambda argument: argument[0].join(map(str, argument[1])),
    "Fn::Split": lambda argument: argument[1].split(argument[0]),
    "Fn::Select": _select,
    "Fn::GetJsonValue": _json_value,
    "Fn::Calculate": _calculate,
}
