"""The stand-in's account: the caller, activated services, existing resources, and what the caller may do."""

from dataclasses import dataclass, field
from typing import Any

ACCOUNT_ID = "1234567890123456"
REGION = "ap-southeast-1"
_SERVICE_ROLES = (
    "AliyunServiceRoleForFC",
    "AliyunServiceRoleForFCTriggerEventBridge",
    "AliyunServiceRoleForEventBridgeSendToFC",
    "AliyunServiceRoleForEventBridgeSourceMNS",
    "AliyunServiceRoleForEventBridgeSendToMNS",
    "AliyunServiceRoleForNativeApiGwInvokeFC",
)
_ALL = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass
class Account:
    """What the services know. Tests remove things to make an account that lacks them.

    `arn` is the caller's, and `policies` are attached to it, by name. `denied` are actions that a control policy of the
    resource directory denies, which the caller cannot see. `template_actions` are what GenerateTemplatePolicy lists
    besides those in `rights.TYPES`.

    `buckets` maps to regions, `vswitches` to VPC and zone, `security_groups` to VPCs, `functions` to what GetFunction
    returns, `reserved` and `asynchronous` to the functions' concurrency and asynchronous settings, `alerts` to what
    GetAlert returns. `route` is the state of the gateway's route, `published` the IDs of published routes,
    `gateway_domain` where the route is served.
    """

    region: str = REGION
    arn: str = f"acs:ram::{ACCOUNT_ID}:user/deployer"
    identity_type: str = "RAMUser"
    activated: set[str] = field(default_factory=lambda: {"fc", "sls", "oss"})
    roles: set[str] = field(default_factory=lambda: set(_SERVICE_ROLES))
    denied: set[str] = field(default_factory=set)
    template_actions: set[str] = field(default_factory=set)
    policies: dict[str, Any] = field(default_factory=lambda: {"AdministratorAccess": _ALL})
    group_policies: dict[str, Any] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=lambda: {"packages": REGION})
    zones: list[str] = field(default_factory=lambda: ["ap-southeast-1a", "ap-southeast-1c"])
    vpcs: set[str] = field(default_factory=lambda: {"vpc-1"})
    vswitches: dict[str, tuple[str, str]] = field(default_factory=lambda: {"vsw-1": ("vpc-1", "ap-southeast-1a")})
    security_groups: dict[str, str] = field(default_factory=lambda: {"sg-1": "vpc-1"})
    gateways: dict[str, str] = field(default_factory=lambda: {"gw-1": "Running"})
    route: str = "NotDeployed"
    published: list[str] = field(default_factory=list)
    gateway_domain: str = ""
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    asynchronous: dict[str, dict[str, Any]] = field(default_factory=dict)
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
