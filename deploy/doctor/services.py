"""Checks that services are activated, that their own roles exist, and that enough concurrency is left.

Sources: "Service-linked role of Function Compute", "AliyunServiceRolePolicyForFCTriggerEventBridge", "Service-linked
roles" (EventBridge), "Service-linked role" (Cloud-native API Gateway), GetSlsService, "Configure the maximum number of
instances" (Function Compute).
"""

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from deploy import sls
from deploy.doctor.check import Planned, code_of, is_not_activated
from deploy.table import Finding, fine, unknown, wrong

FC_CONSOLE = "https://fcnext.console.alibabacloud.com/"
# Functions may reserve nine tenths of the region's limit of instances, which is at least 100.
_LEAST_RESERVABLE = 90

_QUEUE_ROLES = (
    "AliyunServiceRoleForFCTriggerEventBridge",
    "AliyunServiceRoleForEventBridgeSendToFC",
    "AliyunServiceRoleForEventBridgeSourceMNS",
)
_DEAD_LETTER_ROLES = ("AliyunServiceRoleForEventBridgeSendToMNS",)


def function_compute(planned: Planned) -> Finding:
    """Function Compute is activated."""
    try:
        planned.account.get("fc", "GetFunction", f"/2023-03-30/functions/{planned.function}")
    except AlibabaCloudException as error:
        if is_not_activated(error):
            return wrong("Function Compute", "not activated", FC_CONSOLE)
        if code_of(error) != "FunctionNotFound":
            raise
        return fine("Function Compute", f"activated; there is no function {planned.function} yet")
    return fine("Function Compute", f"activated; there is a function {planned.function} already")


def function_compute_role(planned: Planned) -> Finding:
    """Function Compute's service-linked role exists; without it, functions cannot reach a VPC or read a queue."""
    found = _role(
        planned,
        "its role",
        "AliyunServiceRoleForFC",
        "aliyun resourcemanager CreateServiceLinkedRole --ServiceName fc.aliyuncs.com",
    )
    if found.mark == "✓" or planned.parameters["VpcId"] or planned.parameters["QueueName"]:
        return found
    return unknown(found.what, f"{found.found}; only a VPC and a queue need it", found.fix)


def queue_roles(planned: Planned) -> Finding | None:
    """The service-linked roles of the trigger and of EventBridge exist, if there is a queue."""
    if not planned.parameters["QueueName"]:
        return None
    found = fine("EventBridge's roles", "there")
    for role in (*_QUEUE_ROLES, *(_DEAD_LETTER_ROLES if planned.parameters["DeadLetterQueueName"] else ())):
        found = _role(
            planned,
            "EventBridge's roles",
            role,
            f"aliyun eventbridge CreateServiceLinkedRoleForProduct --ProductName {role}"
            if "EventBridgeS" in role
            else f"{FC_CONSOLE}   # creating a first trigger of that kind there creates this role",
        )
        if found.mark != "✓":
            break
    return found


def gateway_role(planned: Planned) -> Finding | None:
    """The service-linked role with which a gateway calls functions exists, if there is a gateway."""
    if not planned.parameters["GatewayId"]:
        return None
    return _role(
        planned,
        "gateway's role",
        "AliyunServiceRoleForNativeApiGwInvokeFC",
        "aliyun resourcemanager CreateServiceLinkedRole --ServiceName invokefc.nativeapigw.aliyuncs.com",
    )


def _role(planned: Planned, what: str, role: str, fix: str) -> Finding:
    try:
        planned.account.rpc("ram", "GetRole", RoleName=role)
    except AlibabaCloudException as error:
        if code_of(error) != "EntityNotExist.Role":
            raise
        return wrong(what, f"there is no {role}", fix)
    return fine(what, role)


def logs(planned: Planned) -> Finding:
    """Simple Log Service is activated."""
    if sls.is_activated(planned.account.region):
        return fine("Simple Log Service", "activated")
    return wrong("Simple Log Service", "not activated", "https://sls.console.alibabacloud.com/")


def concurrency(planned: Planned) -> Finding:
    """MaxInstances can be reserved in addition to what other functions reserve."""
    asked = int(planned.parameters["MaxInstances"])
    others = sum(n for name, n in _reserved(planned).items() if name != planned.function)
    figures = f"{asked} requested, {others} reserved by other functions"
    if asked + others <= _LEAST_RESERVABLE:
        return fine("concurrency", figures)
    return unknown(
        "concurrency",
        f"{figures}; an account may reserve {_LEAST_RESERVABLE} unless its limit was raised",
        "https://quotas.console.alibabacloud.com/products/fc/quotas",
    )


def _reserved(planned: Planned) -> dict[str, int]:
    found: dict[str, int] = {}
    token = ""
    while True:
        page = {"nextToken": token} if token else {}
        answer = planned.account.get(
            "fc", "ListConcurrencyConfigs", "/2023-03-30/concurrency-configs", limit="100", **page
        )
        for config in answer.get("configs") or []:
            found[config["functionArn"].partition("functions/")[2].split("/")[0]] = config["reservedConcurrency"]
        token = answer.get("nextToken") or ""
        if not token:
            return found
