"""The ROS operations that a deployment calls.

A stack finishes at the second poll. Like a real one it fails if the package is not in the bucket or has another
checksum, or if a parameter breaks its constraint. Sources: the operations of ROS 2019-09-10; "Update a stack" for the
states; "Update a stack by replacing its resource properties": without a replacement update, what `fixed.py` lists
cannot be changed; "Parameters" for NoEcho.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

import yaml

from deploy.parameters import contradictions, misfits, value
from local.acs3 import Refused
from local.cloud.fixed import FIXED
from local.cloud.oss import crc64

OPERATIONS = {
    *("ListStacks", "PreviewStack", "CreateStack", "UpdateStack", "DeleteStack"),
    *("GetStack", "ListStackEvents", "ListStackResources"),
}
_LOOKS = 2
# Source: "Update a stack".
UPDATABLE = {
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
    *("CHECK_COMPLETE", "CHECK_FAILED", "IMPORT_CREATE_COMPLETE", "IMPORT_UPDATE_COMPLETE", "IMPORT_UPDATE_FAILED"),
    *("IMPORT_UPDATE_ROLLBACK_COMPLETE", "IMPORT_UPDATE_ROLLBACK_FAILED"),
}
# Source: "GetStack", whose example returns these among the parameters.
_PSEUDO = ("ALIYUN::StackName", "ALIYUN::StackId", "ALIYUN::Region", "ALIYUN::TenantId")
_SAME = "Update the completely same stack is not supported."
_FIXED = "cannot be changed without a replacement update"
# How a stack ends if a resource could not be created, updated or deleted. Source: GetStack, `Status`.
_FAILED = {"CREATE": "CREATE_ROLLBACK_COMPLETE", "UPDATE": "ROLLBACK_COMPLETE", "DELETE": "DELETE_FAILED"}


@dataclass
class Stack:
    """What ROS knows about a stack."""

    name: str
    template: dict[str, Any]
    parameters: dict[str, str]
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = ""
    pending: str = ""
    reason: str = ""
    events: list[dict[str, str]] = field(default_factory=list)
    looks: int = 0
    before: tuple[dict[str, Any], dict[str, str]] | None = None
    replaced: dict[str, str] = field(default_factory=dict)


@dataclass
class Stacks:
    """An account's stacks, the objects in its buckets, and the ROS operations called; all stacks have these `outputs`.

    `swapped` has the objects that are others by the time that Function Compute reads them.
    `outages` is how many polls will fail, `silent` the operations whose answers are empty. No page says when a change
    of a fixed property is refused: at once, or, with `refuses_late`, by a resource that fails, so that the stack is
    rolled back. `replacement` is what a preview says of such a resource. No page says either whether a preview of no
    change is refused, as the update is: `refuses_same_preview`; nor whether an operation has begun when it is answered.
    `begins_late` is how many polls it takes until status and events show it: aliyun/terraform-provider-alicloud
    (alicloud_ros_stack) waits five seconds before it looks.
    """

    stacks: dict[str, Stack] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    swapped: dict[str, bytes] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    outages: int = 0
    silent: set[str] = field(default_factory=set)
    refuses_late: bool = False
    refuses_same_preview: bool = False
    begins_late: int = 0
    replacement: str = "True"

    def ros(self, operation: str, given: Mapping[str, str]) -> dict[str, Any]:
        """The answer to one operation. Raises Refused."""
        if self.outages > 0 and operation == "GetStack":
            self.outages -= 1
            raise Refused("ServiceUnavailable", "Wait.", 503)
        if operation not in OPERATIONS:
            raise Refused("InvalidAction.NotFound", "Specified api is not found.", 404)
        self.operations.append(operation)
        answer: dict[str, Any] = getattr(self, f"_{_snake(operation)}")(given)
        return {} if operation in self.silent else answer

    def changes(self, stack: Stack, action: str) -> dict[str, str]:
        """What the action does to each resource."""
        shape = _shape(stack.template, stack.parameters)
        if action == "DELETE":
            return _changes(shape, {})
        return _changes(_shape(*stack.before) if stack.before else {}, shape)

    def failures(self, stack: Stack, action: str) -> dict[str, str]:
        """The resources for which the action fails, and why."""
        if action == "DELETE":
            return {}
        name = f"{stack.parameters.get('CodeBucket')}/{stack.parameters.get('CodeObject')}"
        content = self.swapped.get(name, self.objects.get(name))
        if content is None:
            return {"Function": "NoSuchKey: the code object does not exist"}
        # That it is compared: alibabacloud-fc20230330, InputCodeLocation; no page has the error.
        if crc64(content) != stack.parameters.get("CodeChecksum"):
            return {"Function": "InvalidArgument: the code's checksum is another"}
        return {name: f"{properties}: {_FIXED}" for name, properties in stack.replaced.items()}

    def changed(self, changes: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        """Called with what was done to each resource, and the stack's parameters, for services that keep track."""

    def _list_stacks(self, given: Mapping[str, str]) -> dict[str, Any]:
        # "ListStacks": the name may have wildcards.
        found = [s for s in self.stacks.values() if fnmatchcase(s.name, given.get("StackName.1", "*"))]
        return {"Stacks": [{"StackId": s.id, "StackName": s.name, "Status": s.status} for s in found]}

    def _preview_stack(self, given: Mapping[str, str]) -> dict[str, Any]:
        template, parameters = self._checked(given)
        before = self.stacks.get(given.get("StackId", ""))
        changes = _changes(_shape(before.template, before.parameters) if before else {}, _shape(template, parameters))
        if before and self.refuses_same_preview and set(changes.values()) == {"None"}:
            raise Refused("NotSupported", _SAME, 400)
        replaced = _replaced(before, template, parameters) if before else {}
        resources = [
            {"LogicalResourceId": name, "Action": action}
            | ({"Replacement": self.replacement if name in replaced else "False"} if action == "Modify" else {})
            for name, action in changes.items()
        ]
        return {"Stack": {"StackName": given.get("StackName"), "Resources": resources}}

    def _create_stack(self, given: Mapping[str, str]) -> dict[str, Any]:
        template, parameters = self._checked(given)
        stack = Stack(given["StackName"], template, parameters, status="CREATE_IN_PROGRESS")
        self.stacks[stack.id] = stack
        self._begin(stack, "CREATE")
        return {"StackId": stack.id}

    def _update_stack(self, given: Mapping[str, str]) -> dict[str, Any]:
        stack = self._stack(given)
        if stack.status not in UPDATABLE:
            raise Refused("ActionInProgress", f"The stack in {stack.status} cannot be updated.", 409)
        template, parameters = self._checked(given)
        replaced = _replaced(stack, template, parameters)
        if replaced and not self.refuses_late:
            raise Refused("NotSupported", f"{'; '.join(replaced.values())}: {_FIXED}.", 400)
        if _shape(stack.template, stack.parameters) == _shape(template, parameters):
            raise Refused("NotSupported", _SAME, 400)
        stack.before = (stack.template, stack.parameters)
        stack.template, stack.parameters, stack.replaced = template, parameters, replaced
        self._begin(stack, "UPDATE")
        return {"StackId": stack.id}

    def _delete_stack(self, given: Mapping[str, str]) -> dict[str, Any]:
        self._begin(self._stack(given), "DELETE")
        return {}

    def _get_stack(self, given: Mapping[str, str]) -> dict[str, Any]:
        stack = self._stack(given)
        self._look(stack)
        outputs = [
            {"OutputKey": name, "OutputValue": self.outputs.get(name, f"a value of {name}")}
            for name in _there(stack.template, "Outputs", stack.parameters)
        ]
        return {
            "StackId": stack.id,
            "StackName": stack.name,
            "Status": stack.status,
            "StatusReason": stack.reason,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in _told(stack)],
            "Outputs": outputs,
        }

    def _list_stack_resources(self, given: Mapping[str, str]) -> dict[str, Any]:
        stack = self._stack(given)
        types = {name: resource["Type"] for name, resource in stack.template["Resources"].items()}
        made = [
            {"LogicalResourceId": name, "ResourceType": types[name]}
            for name in _shape(stack.template, stack.parameters)
        ]
        return {"Resources": made}

    def _list_stack_events(self, given: Mapping[str, str]) -> dict[str, Any]:
        return {"Events": self._stack(given).events[::-1][: int(given.get("PageSize", 10))]}

    def _stack(self, given: Mapping[str, str]) -> Stack:
        stack = self.stacks.get(given.get("StackId", ""))
        if stack is None:
            raise Refused("StackNotFound", "The Stack could not be found.", 404)
        return stack

    def _checked(self, given: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        template = yaml.load(given["TemplateBody"], yaml.CSafeLoader)
        parameters = dict(_parameters(given))
        before = self.stacks.get(given.get("StackId", ""))
        if before and given.get("UsePreviousParameters", "").lower() == "true":
            kept = {name: text for name, text in before.parameters.items() if name in template["Parameters"]}
            parameters = kept | parameters
        for name, parameter in template["Parameters"].items():
            if name not in parameters and "Default" not in parameter:
                raise Refused("StackValidationFailed", f"The Parameter ({name}) was not provided.")
        for sentence in misfits(parameters) or contradictions(parameters):
            raise Refused("StackValidationFailed", sentence)
        defaults = {n: str(p["Default"]) for n, p in template["Parameters"].items() if "Default" in p}
        return template, defaults | parameters

    def _begin(self, stack: Stack, action: str) -> None:
        stack.pending, stack.looks = action, -self.begins_late
        self._show(stack)

    def _show(self, stack: Stack) -> None:
        """Show that the operation has begun, once it is time."""
        if stack.pending and stack.looks >= 0:
            stack.status, stack.reason, stack.pending = f"{stack.pending}_IN_PROGRESS", "", ""
            self._event(stack, stack.name, stack.status)

    def _look(self, stack: Stack) -> None:
        stack.looks += 1
        self._show(stack)
        action, _, state = stack.status.partition("_")
        if state != "IN_PROGRESS" or stack.looks < _LOOKS:
            return
        if failures := self.failures(stack, action):
            for resource, reason in failures.items():
                self._event(stack, resource, f"{action}_FAILED", reason)
                stack.reason = f"Resource {resource} failed: {reason}"
            stack.status = _FAILED[action]
            if action == "UPDATE" and stack.before:
                stack.template, stack.parameters = stack.before
        elif action == "DELETE":
            stack.status = "DELETE_COMPLETE"
            self.changed(self.changes(stack, action), stack.parameters)
        else:
            stack.status = f"{action}_COMPLETE"
            for name in _shape(stack.template, stack.parameters):
                self._event(stack, name, stack.status)
            self.changed(self.changes(stack, action), stack.parameters)
        self._event(stack, stack.name, stack.status)

    def _event(self, stack: Stack, resource: str, status: str, reason: str = "") -> None:
        stack.events.append(
            {"EventId": str(uuid4()), "LogicalResourceId": resource, "Status": status, "StatusReason": reason}
        )


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _parameters(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, name in given.items():
        number = re.fullmatch(r"Parameters\.(\d+)\.ParameterKey", key)
        if number:
            yield name, given.get(f"Parameters.{number[1]}.ParameterValue", "")


def _told(stack: Stack) -> Iterator[tuple[str, str]]:
    """The parameters as GetStack returns them: secrets as asterisks, and ROS's own."""
    for name, text in stack.parameters.items():
        is_secret = stack.template["Parameters"].get(name, {}).get("NoEcho")
        yield name, "******" if is_secret and text else text
    yield from ((name, f"a value of {name}") for name in _PSEUDO)


def _shape(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """Each resource with the parameters that it refers to, for comparison."""
    return {
        name: _filled(resource, template, parameters)
        for name, resource in _there(template, "Resources", parameters).items()
    }


def _filled(part: Any, template: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
    """A part of a template, as text, with the parameters that it refers to."""
    text = json.dumps(part, sort_keys=True)
    used = {p: parameters.get(p) for p in re.findall(r'"Ref": "(\w+)"', text) if p in template["Parameters"]}
    return f"{text} {sorted(used.items())}"


def _replaced(stack: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """Resources that stay, but not as they are, with their fixed properties that would change."""
    old = _there(stack.template, "Resources", stack.parameters)
    found = {}
    for name, resource in _there(template, "Resources", parameters).items():
        properties = [
            f"{name}.{fixed}"
            for fixed in sorted(FIXED.get(resource["Type"], ()))
            if name in old
            and _filled(old[name]["Properties"].get(fixed), stack.template, stack.parameters)
            != _filled(resource["Properties"].get(fixed), template, parameters)
        ]
        if properties:
            found[name] = ", ".join(properties)
    return found


def _there(template: Mapping[str, Any], section: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The resources or outputs whose condition holds."""
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    return {
        name: part
        for name, part in template[section].items()
        if value(template["Conditions"].get(part.get("Condition"), True), defaults | dict(parameters))
    }


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    return {name: _action(old.get(name), new.get(name)) for name in {**old, **new}}


def _action(old: str | None, new: str | None) -> str:
    if old == new:
        return "None"
    if old is None:
        return "Add"
    return "Remove" if new is None else "Modify"
