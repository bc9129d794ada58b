"""One ROS stack: preview, create, update, follow and delete it.

Sources: "CreateStack", "UpdateStack", "PreviewStack", "GetStack", "ListStackEvents", "DeleteStack" (ROS, 2019-09-10).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from alibabacloud_ros20190910 import models
from alibabacloud_ros20190910.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

_POLL_SECONDS = 2.0
_PATIENCE = 5
_FINE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
# Nothing is in progress, and the resources are as some deployment left them.
_AT_REST = (*_FINE, "ROLLBACK_COMPLETE", "CHECK_COMPLETE", "IMPORT_CREATE_COMPLETE", "IMPORT_UPDATE_COMPLETE")
# ROS cannot update a stack in one of these states, and it was never in use.
_NEVER_WORKED = ("CREATE_FAILED", "CREATE_ROLLBACK", "REVIEW_IN_PROGRESS")

T = TypeVar("T")


class UnreadableAnswer(Exception):
    """ROS's answer lacks a part that it must have; the message names it."""


@dataclass(frozen=True)
class Stacks:
    """The stacks of one region.

    Every method raises UnreadableAnswer, or the SDK's AlibabaCloudException if ROS refuses.
    """

    client: Client
    region: str
    poll_seconds: float = _POLL_SECONDS

    def deploy(self, name: str, template: str, parameters: Mapping[str, str]) -> bool:
        """Create or update the stack, and print the progress. Parameters that are not given keep their values.

        Returns whether it succeeded. If nothing would change, nothing is done.
        """
        existing = self._find(name)
        status = self._get(existing).status if existing else ""
        if existing and status.startswith(_NEVER_WORKED):
            print(f"{name} never came up ({status}), so it is removed first.")
            if not self.remove(name):
                return False
            existing = None
        changes = self._preview(name, existing, template, parameters)
        for resource, action in changes:
            print(f"  {action:<8}{resource}")
        if existing and not changes and status in _AT_REST:
            print("Nothing changes.")
            return self._end(existing, _AT_REST)
        given = {"region_id": self.region, "template_body": template}
        if existing:
            since = self._events(existing)
            request = models.UpdateStackRequest(
                **given,
                stack_id=existing,
                use_previous_parameters=True,
                parameters=_pairs(models.UpdateStackRequestParameters, parameters),
            )
            self.client.update_stack(request)
            return self._follow(existing, since)
        created = self.client.create_stack(
            models.CreateStackRequest(
                **given, stack_name=name, parameters=_pairs(models.CreateStackRequestParameters, parameters)
            )
        )
        return self._follow(_needed(created.body.stack_id, "StackId"), set())

    def parameters(self, name: str) -> dict[str, str]:
        """The stack's current parameters; none if there is no such stack."""
        existing = self._find(name)
        found = (self._get(existing).parameters or []) if existing else []
        return {parameter.parameter_key: parameter.parameter_value for parameter in found}

    def outputs(self, name: str) -> dict[str, str]:
        """The stack's outputs; none if there is no such stack, or it is not in working order."""
        existing = self._find(name)
        found = self._get(existing) if existing else None
        if found is None or found.status not in _AT_REST:
            return {}
        return {output["OutputKey"]: str(output["OutputValue"]) for output in found.outputs or []}

    def resources(self, name: str) -> list[tuple[str, str]]:
        """The stack's resources: each one's name in the template, and its type."""
        request = models.ListStackResourcesRequest(region_id=self.region, stack_id=self._find(name))
        found = self.client.list_stack_resources(request).body.resources or []
        return [(resource.logical_resource_id, resource.resource_type) for resource in found]

    def remove(self, name: str) -> bool:
        """Delete the stack; returns whether it is gone."""
        existing = self._find(name)
        if existing is None:
            print(f"There is no stack {name} in {self.region}.")
            return True
        since = self._events(existing)
        self.client.delete_stack(models.DeleteStackRequest(region_id=self.region, stack_id=existing))
        return self._follow(existing, since)

    def _find(self, name: str) -> str | None:
        answer = self.client.list_stacks(models.ListStacksRequest(region_id=self.region, stack_name=[name]))
        stacks = [stack for stack in answer.body.stacks or [] if stack.status != "DELETE_COMPLETE"]
        return stacks[0].stack_id if stacks else None

    def _preview(
        self, name: str, existing: str | None, template: str, parameters: Mapping[str, str]
    ) -> list[tuple[str, str]]:
        """The resources that would change, and how."""
        which = {"stack_id": existing, "use_previous_parameters": True} if existing else {"stack_name": name}
        request = models.PreviewStackRequest(
            **which,
            region_id=self.region,
            template_body=template,
            parameters=_pairs(models.PreviewStackRequestParameters, parameters),
        )
        resources = _needed(self.client.preview_stack(request).body.stack, "Stack").resources or []
        return [(r.logical_resource_id, r.action or "Add") for r in resources if r.action != "None"]

    def _follow(self, stack: str, told: set[str]) -> bool:
        """Print events until nothing is in progress; returns whether the stack succeeded."""
        while True:
            status = self._get(stack).status
            told |= self._tell(stack, told)
            if not status.endswith("_IN_PROGRESS"):
                return self._end(stack)
            time.sleep(self.poll_seconds)

    def _tell(self, stack: str, told: set[str]) -> set[str]:
        events = self._list_events(stack)
        for event in reversed(events):
            if event.event_id not in told:
                reason = f": {event.status_reason}" if event.status.endswith("_FAILED") else ""
                print(f"  {event.status:<20}{event.logical_resource_id}{reason}")
        return {event.event_id for event in events}

    def _end(self, stack: str, fine: Sequence[str] = _FINE) -> bool:
        found = self._get(stack)
        print(f"{found.stack_name}: {found.status}")
        if found.status in fine:
            for output in found.outputs or []:
                print(f"  {output['OutputKey']}: {output['OutputValue']}")
            return True
        if found.status != "DELETE_COMPLETE":
            print(f"  {found.status_reason}")
        return bool(found.status == "DELETE_COMPLETE")

    def _get(self, stack: str) -> Any:
        request = models.GetStackRequest(region_id=self.region, stack_id=stack)
        found = self._patiently(lambda: self.client.get_stack(request).body)
        _needed(found.status, "Status")
        return found

    def _events(self, stack: str) -> set[str]:
        return {event.event_id for event in self._list_events(stack)}

    def _list_events(self, stack: str) -> list[Any]:
        """The newest events first."""
        request = models.ListStackEventsRequest(region_id=self.region, stack_id=stack, page_size=50)
        return self._patiently(lambda: list(self.client.list_stack_events(request).body.events or []))

    def _patiently(self, look: Callable[[], T]) -> T:
        """Retry if ROS cannot be reached, fails or throttles; the stack continues in the meantime."""
        for _ in range(_PATIENCE):
            try:
                return look()
            except (AlibabaCloudException, UnretryableException) as error:
                if not _may_pass(error):
                    raise
                time.sleep(self.poll_seconds)
        return look()


def _needed(part: T | None, name: str) -> T:
    """The part of an answer. Raises UnreadableAnswer if it is missing."""
    if part is None:
        raise UnreadableAnswer(f"ROS's answer has no {name}")
    return part


def _may_pass(error: AlibabaCloudException | UnretryableException) -> bool:
    if isinstance(error, UnretryableException):
        return True
    return (error.status_code or 0) >= 500 or str(error.code).startswith("Throttling")


def _pairs(kind: Any, parameters: Mapping[str, str]) -> list[Any]:
    return [kind(parameter_key=key, parameter_value=value) for key, value in parameters.items()]
