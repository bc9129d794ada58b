"""JSON Schemas of ROS resource types, read from the validators that Alibaba generates into its ROS CDK packages.

The packages are JavaScript inside Python wheels, generated from the ROS resource specification in one regular form;
nothing of them is imported or run.
"""

import importlib.util
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

_TYPES = {
    "validateString": "string",
    "validateNumber": "number",
    "validateBoolean": "boolean",
    "validateAnyDict": "object",
}
_FUNCTION = re.compile(r"^function (\w+)\(properties[^)]*\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CHECK = re.compile(r"propertyValidator\('(\w+)', (.+?)\)\((?:properties\.\w+|\{(.*?)\})\)\);", re.DOTALL)
_ROS_NAME = re.compile(r"'(\w+) ?': .*\(properties\.(\w+)\),")
_TYPE_NAME = re.compile(r'^(\w+)\.ROS_RESOURCE_TYPE_NAME = "(.+)";', re.MULTILINE)
_ATTRIBUTES = r"^class {} extends.*?^\}}"


@dataclass(frozen=True)
class ResourceType:
    """One resource type: the schema of its properties, and what Fn::GetAtt may ask it for."""

    properties: Schema
    attributes: frozenset[str]


def resource_types(*packages: str) -> dict[str, ResourceType]:
    """The types of `ros_cdk_...` packages, by their ROS names."""
    return {name: found for package in packages for name, found in _types_of(_source(package)).items()}


def _source(package: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec
    assert spec.origin
    (archive,) = Path(spec.origin).parent.glob("_jsii/*.tgz")
    with tarfile.open(archive) as files:
        name = package.removeprefix("ros_cdk_")
        member = files.extractfile(f"package/lib/{name}.generated.js")
        assert member
        return member.read().decode()


def _types_of(source: str) -> dict[str, ResourceType]:
    functions = dict(_FUNCTION.findall(source))
    names = {
        validator: {ours: ros for ros, ours in _ROS_NAME.findall(body)}
        for body in functions.values()
        for validator in re.findall(r"(\w+Validator)\(properties\)\.assertSuccess", body)
    }
    definitions = {name: _schema(functions[name], names[name]) for name in names}
    types = {}
    for js_class, ros_name in _TYPE_NAME.findall(source):
        body = re.search(_ATTRIBUTES.format(js_class), source, re.MULTILINE | re.DOTALL)
        assert body
        attributes = frozenset(re.findall(r"this\.getAtt\('([\w.]+)'\)", body[0]))
        properties = {"$ref": f"#/$defs/{js_class}PropsValidator", "$defs": definitions}
        types[ros_name] = ResourceType(properties, attributes)
    return types


def _schema(validator: str, names: dict[str, str]) -> Schema:
    properties: dict[str, Schema] = {name: {} for name in names.values()}
    required = []
    for ours, check, arguments in _CHECK.findall(validator):
        if check == "ros.requiredValidator":
            required.append(names[ours])
        else:
            properties[names[ours]] |= _constraint(check, arguments)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _constraint(check: str, arguments: str) -> Schema:
    limits: dict[str, str] = dict(re.findall(r"(min|max): ([\d.-]+)", arguments))
    if check == "ros.validateRange":
        return {{"min": "minimum", "max": "maximum"}[key]: float(value) for key, value in limits.items()}
    if check == "ros.validateLength":
        return {f"{key}{kind}": int(value) for key, value in limits.items() for kind in ("Length", "Items")}
    if check == "ros.validateAllowedValues":
        allowed = re.search(r"allowedValues: (\[.*\])", arguments, re.DOTALL)
        assert allowed
        return {"enum": json.loads(allowed[1])}
    if check == "ros.validateAllowedPattern":
        pattern = re.search(r"reg: /(.*)/", arguments)
        assert pattern
        return {"pattern": pattern[1]}
    return _type(check)


def _type(check: str) -> Schema:
    inner = re.fullmatch(r"ros\.(list|hash)Validator\((.+)\)", check)
    if inner and inner[1] == "list":
        return {"type": "array", "items": _type(inner[2])}
    if inner:
        return {"type": "object", "additionalProperties": _type(inner[2])}
    if not check.startswith("ros."):
        return {"$ref": f"#/$defs/{check}"}
    kind = check.removeprefix("ros.")
    return {"type": _TYPES[kind]} if kind in _TYPES else {}
