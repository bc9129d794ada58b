"""One ROS stack: plan, create, update, follow and delete it.

Sources: "CreateStack", "UpdateStack", "PreviewStack", "GetStack", "ListStackEvents", "DeleteStack" (ROS, 2019-09-10);
"Update a stack" for the states.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from deploy.account import Account
from deploy.retries import patiently

_FIRST_POLL_SECONDS = 0.1
_POLL_SECONDS = 2.0
_BEGIN_SECONDS = 30.0
# Nothing is in progress, and the resources are as some deployment left them.
_AT_REST = (
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "CHECK_COMPLETE"),
    *("IMPORT_CREATE_COMPLETE", "IMPORT_UPDATE_COMPLETE", "IMPORT_UPDATE_ROLLBACK_COMPLETE"),
)
_UPDATABLE = (
    *(*_AT_REST, "UPDATE_FAILED", "ROLLBACK_FAILED", "CHECK_FAILED"),
    *("IMPORT_UPDATE_FAILED", "IMPORT_UPDATE_ROLLBACK_FAILED"),
)
# ROS cannot update a stack in one of these states, and it was never in use.
_NEVER_WORKED = ("CREATE_FAILED", "CREATE_ROLLBACK", "REVIEW_IN_PROGRESS")

Answer = dict[str, Any]


class UnreadableAnswer(Exception):
    """ROS's answer lacks a part that it must have; the message names it."""


class Plan(NamedTuple):
    """One deployment: `stack` is the ID of the stack to update, empty if there is none; `changes` are by resource.

    `replaced` has the resources that ROS would have to delete and create again, which it does not do unasked. Of others
    it says `Conditional`, because it only knows once it has changed what they refer to.
    """

    name: str
    stack: str
    is_at_rest: bool
    template: str
    parameters: Mapping[str, str]
    changes: Mapping[str, str]
    replaced: list[str]


@dataclass(frozen=True)
class Stacks:
    """The account's stacks in its region.

    Every method raises UnreadableAnswer, or the SDK's AlibabaCloudException if ROS refuses.
    """

    account: Account

    def plan(self, name: str, template: str, parameters: Mapping[str, str]) -> Plan | None:
        """Find out and print what a deployment would change. Parameters that are not given keep their values.

        A stack that never worked is removed first; None if that fails.
        """
        stack = self._find(name)
        status = self._get(stack)["Status"] if stack else ""
        if stack and status.startswith(_NEVER_WORKED):
            print(f"{name} never came up ({status}), so it is removed first.")
            if not self.remove(name):
                return None
            stack = ""
        resources = self._preview(name, stack, template, parameters)
        changes = {r["LogicalResourceId"]: r.get("Action") or "Add" for r in resources}
        for resource, action in changes.items():
            print(f"  {action:<8}{resource}")
        replaced = [r["LogicalResourceId"] for r in resources if r.get("Replacement") == "True"]
        return Plan(name, stack, status in _AT_REST, template, parameters, changes, replaced)

    def carry_out(self, plan: Plan) -> bool:
        """Create or update the stack, and print the progress; returns whether it succeeded.

        If nothing would change, nothing is done.
        """
        if not plan.stack:
            created = self._call("CreateStack", _body(plan.template, plan.parameters), StackName=plan.name)
            return self._follow(_needed(created, "StackId"), set(), "CREATE_COMPLETE")
        if not plan.changes and plan.is_at_rest:
            return self._unchanged(plan.stack)
        since = self._events(plan.stack)
        try:
            self._call("UpdateStack", _body(plan.template, plan.parameters), **_existing(plan.stack))
        except AlibabaCloudException as error:
            if not _is_unchanged(error):
                raise
            return self._unchanged(plan.stack)
        return self._follow(plan.stack, since, "UPDATE_COMPLETE")

    def is_at_rest(self, plan: Plan) -> bool:
        """Whether nothing is in progress, and the resources are as some deployment left them."""
        return self._get(plan.stack)["Status"] in _AT_REST

    def parameters(self, name: str) -> dict[str, str]:
        """The stack's current parameters; none if there is no such stack, or it never worked."""
        stack = self._find(name)
        found = self._get(stack) if stack else None
        if found is None or found["Status"].startswith(_NEVER_WORKED):
            return {}
        return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in found.get("Parameters") or []}

    def outputs(self, name: str) -> dict[str, str]:
        """The stack's outputs; none if there is no such stack, or if it cannot be updated."""
        stack = self._find(name)
        found = self._get(stack) if stack else None
        if found is None or found["Status"] not in _UPDATABLE:
            return {}
        return dict(_outputs(found))

    def resources(self, name: str) -> list[tuple[str, str]]:
        """The stack's resources: each one's name in the template, and its type."""
        found = self._call("ListStackResources", StackId=self._find(name)).get("Resources") or []
        return [(resource["LogicalResourceId"], resource["ResourceType"]) for resource in found]

    def exists(self, name: str) -> bool:
        """Whether there is such a stack, in whatever state."""
        return bool(self._find(name))

    def remove(self, name: str) -> bool:
        """Delete the stack; returns whether it is gone."""
        stack = self._find(name)
        since = self._events(stack)
        self._call("DeleteStack", StackId=stack)
        return self._follow(stack, since, "DELETE_COMPLETE")

    def _call(self, operation: str, body: Mapping[str, str] | None = None, **parameters: str) -> Answer:
        return self.account.rpc("ros", operation, body, RegionId=self.account.region, **parameters)

    def _find(self, name: str) -> str:
        """The stack's ID; empty if there is no such stack."""
        found = self._call("ListStacks", None, **{"StackName.1": name}).get("Stacks") or []
        # ROS takes the name for a pattern.
        ours = (stack for stack in found if stack["StackName"] == name)
        return next((stack["StackId"] for stack in ours if stack["Status"] != "DELETE_COMPLETE"), "")

    def _preview(self, name: str, stack: str, template: str, parameters: Mapping[str, str]) -> list[Answer]:
        """The resources that would change, and how."""
        which = _existing(stack) if stack else {"StackName": name}
        try:
            answer = self._call("PreviewStack", _body(template, parameters), **which)
        except AlibabaCloudException as error:
            if not _is_unchanged(error):
                raise
            return []
        return [r for r in _needed(answer, "Stack").get("Resources") or [] if r.get("Action") != "None"]

    def _unchanged(self, stack: str) -> bool:
        print("Nothing changes.")
        self._tell_end(self._get(stack))
        return True

    def _follow(self, stack: str, told: set[str], wanted: str) -> bool:
        """Print events until nothing is in progress; returns whether the stack's status is the wanted one.

        An operation may begin after it is answered: aliyun/terraform-provider-alicloud (alicloud_ros_stack) waits five
        seconds before it looks. So a status counts once there were events besides those in `told`, or after half a
        minute.
        """
        pause, until = _FIRST_POLL_SECONDS, time.monotonic() + _BEGIN_SECONDS
        has_begun = False
        while True:
            status = self._get(stack)["Status"]
            new = self._tell(stack, told)
            if has_begun and not status.endswith("_IN_PROGRESS"):
                return self._end(stack, wanted)
            # For the next status: this one may be older than the events.
            has_begun = has_begun or bool(new) or time.monotonic() > until
            told |= new
            time.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)

    def _tell(self, stack: str, told: set[str]) -> set[str]:
        """Print the events that were not told yet; returns their IDs."""
        new = [event for event in self._list_events(stack) if event["EventId"] not in told]
        for event in reversed(new):
            status = event["Status"]
            reason = f": {event.get('StatusReason')}" if status.endswith("_FAILED") else ""
            print(f"  {status:<20}{event['LogicalResourceId']}{reason}")
        return {event["EventId"] for event in new}

    def _end(self, stack: str, wanted: str) -> bool:
        found = self._get(stack)
        if found["Status"] == wanted:
            self._tell_end(found)
            return True
        print(f"{found['StackName']}: {found['Status']}\n  {found.get('StatusReason')}")
        return False

    def _tell_end(self, found: Answer) -> None:
        print(f"{found['StackName']}: {found['Status']}")
        if found["Status"] in _UPDATABLE:
            for name, value in _outputs(found):
                print(f"  {name}: {value}")

    def _get(self, stack: str) -> Answer:
        found = patiently(lambda: self._call("GetStack", StackId=stack))
        _needed(found, "Status")
        return found

    def _events(self, stack: str) -> set[str]:
        return {event["EventId"] for event in self._list_events(stack)}

    def _list_events(self, stack: str) -> list[Answer]:
        """The newest events first."""
        answer = patiently(lambda: self._call("ListStackEvents", StackId=stack, PageSize="50"))
        return answer.get("Events") or []


def _body(template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """What a request sends in its body. Some parameters are secrets, and URLs end up in the logs of proxies.

    ROS's own SDK puts all but the template into the URL; aliyun/terraform-provider-alicloud (alicloud_ros_stack) puts
    everything into the body, too.
    """
    body = {"TemplateBody": template}
    for number, (name, value) in enumerate(parameters.items(), 1):
        body |= {f"Parameters.{number}.ParameterKey": name, f"Parameters.{number}.ParameterValue": value}
    return body


def _existing(stack: str) -> dict[str, str]:
    return {"StackId": stack, "UsePreviousParameters": "true"}


def _outputs(found: Answer) -> list[tuple[str, str]]:
    return [(output["OutputKey"], str(output["OutputValue"])) for output in found.get("Outputs") or []]


def _needed(answer: Answer, name: str) -> Any:
    """The part of an answer. Raises UnreadableAnswer if it is missing."""
    if answer.get(name) is None:
        raise UnreadableAnswer(f"ROS's answer has no {name}")
    return answer[name]


def _is_unchanged(error: AlibabaCloudException) -> bool:
    """Whether ROS refuses because the update would change nothing. Source: "UpdateStack", error codes."""
    return str(error.code) == "NotSupported" and "completely same" in str(error.message)
