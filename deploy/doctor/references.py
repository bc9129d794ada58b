"""Checks what the parameters name and the template does not create: VPC and its parts, gateway.

Sources: DescribeVpcs, DescribeVSwitches (VPC), DescribeSecurityGroups (ECS), GetGateway (APIG), GetAccountSettings
(Function Compute), "vSwitch is in unsupported zone".
"""

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from deploy.doctor.check import Planned, code_of
from deploy.table import Finding, fine, unknown, wrong

_ZONES_PAGE = "https://www.alibabacloud.com/help/en/functioncompute/vswitch-is-in-unsupported-zone"


def vpc(planned: Planned) -> Finding | None:
    """The VPC is in the region."""
    name = planned.parameters["VpcId"]
    if not name:
        return None
    found = planned.account.rpc("vpc", "DescribeVpcs", RegionId=planned.account.region, VpcId=name)["Vpcs"]["Vpc"]
    if found:
        return fine("VPC", name)
    return _missing("VPC", f"there is no {name} in {planned.account.region}", "VpcId", "vpc DescribeVpcs", planned)


def vswitch(planned: Planned) -> Finding | None:
    """The vSwitch is in the VPC, and in a zone that Function Compute supports."""
    name = planned.parameters["VSwitchId"]
    if not name:
        return None
    answer = planned.account.rpc("vpc", "DescribeVSwitches", RegionId=planned.account.region, VSwitchId=name)
    found = answer["VSwitches"]["VSwitch"]
    if not found or found[0]["VpcId"] != planned.parameters["VpcId"]:
        told = f"{name} is not in {planned.parameters['VpcId']}"
        return _missing("vSwitch", told, "VSwitchId", "vpc DescribeVSwitches", planned)
    return _zone(planned, name, found[0]["ZoneId"])


def _zone(planned: Planned, name: str, zone: str) -> Finding:
    try:
        settings = planned.account.get(
            "fc2", "GetAccountSettings", "/2021-04-06/account-settings", account_id=planned.identity.account_id
        )
    except AlibabaCloudException:
        settings = {}
    zones = settings.get("availableAZs") or []
    if not zones:
        return unknown("vSwitch", f"{name} is there; whether Function Compute supports {zone} is unknown", _ZONES_PAGE)
    if zone in zones:
        return fine("vSwitch", f"{name} in {zone}")
    return wrong("vSwitch", f"Function Compute does not support {zone}, only {', '.join(zones)}", _ZONES_PAGE)


def security_group(planned: Planned) -> Finding | None:
    """The security group is in the VPC."""
    name = planned.parameters["SecurityGroupId"]
    if not name:
        return None
    answer = planned.account.rpc("ecs", "DescribeSecurityGroups", RegionId=planned.account.region, SecurityGroupId=name)
    found = answer["SecurityGroups"]["SecurityGroup"]
    if found and found[0]["VpcId"] == planned.parameters["VpcId"]:
        return fine("security group", name)
    told = f"{name} is not in {planned.parameters['VpcId']}"
    return _missing("security group", told, "SecurityGroupId", "ecs DescribeSecurityGroups", planned)


def gateway(planned: Planned) -> Finding | None:
    """The cloud-native API gateway exists and is running."""
    name = planned.parameters["GatewayId"]
    if not name:
        return None
    console = "https://apigw.console.alibabacloud.com/"
    try:
        status = planned.account.get("apig", "GetGateway", f"/v1/gateways/{name}")["data"]["status"]
    except AlibabaCloudException as error:
        if not code_of(error).startswith("NotFound"):
            raise
        return wrong("gateway", f"there is no {name} in {planned.account.region}", console)
    if status == "Running":
        return fine("gateway", f"{name} runs")
    return wrong("gateway", f"{name} is {status}", console)


def _missing(what: str, told: str, parameter: str, operation: str, planned: Planned) -> Finding:
    """The row for a parameter that names nothing usable; the operation lists what it may name."""
    listing = f"aliyun {operation} --RegionId {planned.account.region}"
    return wrong(what, told, f"make deploy … PARAMETERS=…   # with a {parameter} that this lists: {listing}")
