"""What an update of a stack may change: every parameter alone, as ROS sees it, and whole deployments around it."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deploy import settings
from deploy.account import host
from deploy.parameters import fixed
from local.acs3 import Refused
from local.cloud import Cloud
from local.cloud.fixed import FIXED
from local.cloud.ros import UPDATABLE, Stacks
from local.serve import serve
from testing.template import EVERYTHING, TEMPLATE, resolved
from tests.conftest import every, further
from tests.deploy.command import PACKAGE
from tests.deploy.test_deploy import deploy, given, run

OBJECTS = {"my-packages/cams-qr/0123.zip": b"zip", "my-packages/cams-qr/4567.zip": b"zip"}

# Each parameter, changed alone: old value, new value, and what ROS would have to replace. Source: the pages of the
# resource types (`local/cloud/fixed.py`).
NAMED_AFTER_FUNCTION = {
    *("LogProject.Name", "LogStore.LogstoreName", "Role.RoleName", "Function.FunctionName"),
    *("GatewayApi.HttpApiName", "Dashboard.DashboardName"),
}
UPDATES: list[tuple[str, Any, Any, set[str]]] = [
    ("CodeBucket", "my-packages", "my-other-packages", set()),
    ("CodeObject", "cams-qr/0123.zip", "cams-qr/4567.zip", set()),
    ("FunctionName", "cams-qr", "cams-qr-2", NAMED_AFTER_FUNCTION),
    ("Runtime", "python3.10", "python3.12", set()),
    ("Timeout", 30, 60, set()),
    ("MemorySize", 512, 1024, set()),
    ("Cpu", 0.35, 0.5, set()),
    ("MaxInstances", 5, 3, set()),
    ("CamsEndpoint", "cams.ap-southeast-1.aliyuncs.com", "127.0.0.1:1", set()),
    ("CamsQps", 5, 50, set()),
    ("CamsMaxWaitSeconds", 2, 3, set()),
    ("RedisUrl", "redis://a", "redis://b", set()),
    ("RedisCaFile", "", "/code/redis-ca.pem", set()),
    ("CacheTtlSeconds", 60, 30, set()),
    ("CacheStaleSeconds", 600, 60, set()),
    ("AllowedPhoneNumbers", "8613800001234", "", set()),
    ("AllowedCustSpaceIds", "cams-8filvjc8snw", "", set()),
    ("CustSpaceHeader", "X-Space", "", set()),
    ("AllowedOrigins", "https://a.example", "https://b.example", set()),
    ("LogLevel", "INFO", "DEBUG", set()),
    ("HttpAuth", "function", "jwt", set()),
    ("JwtConfig", EVERYTHING["JwtConfig"], EVERYTHING["JwtConfig"].replace("}", ', "a": 1}', 1), set()),
    ("VpcId", "vpc-1", "vpc-2", set()),
    ("VpcId", "vpc-1", "", set()),
    ("VSwitchId", "vsw-1", "vsw-2", set()),
    ("SecurityGroupId", "sg-1", "sg-2", set()),
    ("GatewayId", "gw-1", "gw-2", {"GatewayService.GatewayId"}),
    ("GatewayId", "gw-1", "", set()),
    ("GatewayId", "", "gw-1", set()),
    ("GatewayEnvironmentId", "env-1", "env-2", {"GatewayRoute.EnvironmentInfo"}),
    ("GatewayDomainId", "d-1", "d-2", {"GatewayRoute.DomainIds"}),
    ("GatewayPath", "/qr-codes", "/shop/qr-codes", set()),
    ("GatewayAuth", "Jwt", "AkSk", set()),
    ("DomainName", "a.example.com", "b.example.com", {"Domain.DomainName"}),
    ("DomainName", "a.example.com", "", set()),
    ("DomainName", "", "a.example.com", set()),
    ("DomainCertificate", EVERYTHING["DomainCertificate"], EVERYTHING["DomainCertificate"] * 2, set()),
    ("DomainPrivateKey", EVERYTHING["DomainPrivateKey"], EVERYTHING["DomainPrivateKey"] * 2, set()),
    ("FailureDestination", "", EVERYTHING["FailureDestination"], set()),
    ("FailureDestination", EVERYTHING["FailureDestination"], "", set()),
    ("QueueName", "a", "b", set()),
    ("QueueName", "a", "", set()),
    ("DeadLetterQueueName", "", "a", set()),
    ("TimerCron", "@every 5m", "@every 10m", set()),
    ("TimerCron", "@every 5m", "", set()),
    ("TimerPayload", '{"phoneNumber": "1"}', '{"phoneNumber": "2"}', set()),
    ("AlertActionPolicy", "a", "b", set()),
    ("AlertActionPolicy", "a", "", set()),
    ("LogDays", 30, 3600, set()),
]


def asked(parameters: dict[str, Any], template: dict[str, Any] = TEMPLATE, **more: str) -> dict[str, str]:
    """A request to ROS."""
    pairs: dict[str, str] = {}
    for number, (name, value) in enumerate(parameters.items(), 1):
        pairs |= {f"Parameters.{number}.ParameterKey": name, f"Parameters.{number}.ParameterValue": str(value)}
    return {"TemplateBody": json.dumps(template), **pairs, **more}


def created(parameters: dict[str, Any], template: dict[str, Any] = TEMPLATE) -> tuple[Stacks, str]:
    ros = Stacks(objects=OBJECTS | {"my-other-packages/cams-qr/0123.zip": b"zip"})
    stack = ros.ros("CreateStack", asked(parameters, template, StackName="cams-qr"))["StackId"]
    assert finished(ros, stack)["Status"] == "CREATE_COMPLETE"
    return ros, stack


def finished(ros: Stacks, stack: str) -> dict[str, Any]:
    while (found := ros.ros("GetStack", {"StackId": stack}))["Status"].endswith("IN_PROGRESS"):
        pass
    return found


def updating(stack: str, **parameters: Any) -> dict[str, str]:
    return asked(parameters, StackId=stack, UsePreviousParameters="true")


# The template's rules hold whichever parameter changes.
BASE = EVERYTHING | {"HttpAuth": "jwt", "CustSpaceHeader": ""}


@pytest.mark.parametrize(
    ("name", "old", "new", "refused"), every(4, UPDATES), ids=[f"{u[0]}-{i}" for i, u in enumerate(UPDATES)]
)
@pytest.mark.parametrize("refuses_late", [False, *further(True)], ids=["at once", "late"])
def test_each_parameter_changed_alone(name: str, old: Any, new: Any, refused: set[str], refuses_late: bool) -> None:
    jwt = {"HttpAuth": "jwt", "JwtConfig": EVERYTHING["JwtConfig"]} if name == "CustSpaceHeader" else {}
    ros, stack = created(BASE | jwt | {name: old})
    ros.refuses_late = refuses_late
    preview = ros.ros("PreviewStack", updating(stack, **{name: new}))["Stack"]["Resources"]
    replaced = {r["LogicalResourceId"] for r in preview if r.get("Replacement") == "True"}
    assert replaced == {path.split(".")[0] for path in refused}
    if not refused:
        ros.ros("UpdateStack", updating(stack, **{name: new}))
        assert finished(ros, stack)["Status"] == "UPDATE_COMPLETE"
    elif refuses_late:
        ros.ros("UpdateStack", updating(stack, **{name: new}))
        assert finished(ros, stack)["Status"] == "ROLLBACK_COMPLETE"
        told = "".join(
            e["StatusReason"] for e in ros.ros("ListStackEvents", {"StackId": stack, "PageSize": "50"})["Events"]
        )
        assert all(path in told for path in refused)
        assert ros.stacks[stack].parameters[name] == old, "as before"
    else:
        with pytest.raises(Refused) as error:
            ros.ros("UpdateStack", updating(stack, **{name: new}))
        assert all(path in error.value.message for path in refused)
    assert bool(fixed({n: str(v) for n, v in (BASE | {name: old}).items()}, {name: str(new)})) is bool(refused)


def test_every_parameter_is_in_that_table() -> None:
    # Function Compute refuses another checksum for the same package; the other changes no resource.
    assert {update[0] for update in UPDATES} == set(TEMPLATE["Parameters"]) - {"CodeChecksum", "GatewaySetsSpace"}


@pytest.mark.parametrize(
    ("kind", "properties", "name", "old", "new"),
    [
        ("ALIYUN::FC3::ConcurrencyConfig", {"ReservedConcurrency": {"Ref": "MaxInstances"}}, "MaxInstances", "5", "3"),
        (
            "ALIYUN::FC3::AsyncInvokeConfig",
            {"DestinationConfig": {"OnFailure": {"Destination": {"Ref": "FailureDestination"}}}},
            "FailureDestination",
            "",
            EVERYTHING["FailureDestination"],
        ),
    ],
)
def test_why_two_settings_are_not_in_the_template(
    kind: str, properties: dict[str, Any], name: str, old: str, new: str
) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Setting"] = {"Type": kind, "Properties": properties}
    ros, stack = created(BASE | {name: old}, template)
    with pytest.raises(Refused, match=r"Setting\."):
        ros.ros("UpdateStack", asked({name: new}, template, StackId=stack, UsePreviousParameters="true"))


def test_the_words_that_can_never_change() -> None:
    """ROS refuses to update every stack that has them otherwise, so no release may touch them."""
    words = {}
    for name, resource in TEMPLATE["Resources"].items():
        properties = resolved(TEMPLATE, EVERYTHING)[name]
        words[name] = {p: properties[p] for p in sorted(FIXED[resource["Type"]]) if p in properties}
    region, project = "ap-southeast-1", "cams-qr-1234567890123456-ap-southeast-1"
    assert words == {
        "LogProject": {"Description": "Logs of cams-qr", "Name": project},
        "LogStore": {"LogstoreName": "cams-qr", "ProjectName": project},
        "LogIndex": {"LogstoreName": "cams-qr", "ProjectName": project},
        "Dashboard": {"DashboardName": "dashboard-cams-qr", "ProjectName": project},
        **{name: {"Project": project} for name in words if name.endswith("Alert")},
        "Role": {"Description": "What the function cams-qr may do", "RoleName": f"cams-qr-{region}"},
        "Function": {"FunctionName": "cams-qr"},
        **{
            name: {"FunctionName": "cams-qr", "TriggerName": trigger, "TriggerType": kind}
            for name, trigger, kind in (
                ("HttpTrigger", "http", "http"),
                ("QueueTrigger", "queue", "eventbridge"),
                ("TimerTrigger", "timer", "timer"),
            )
        },
        "Domain": {"DomainName": EVERYTHING["DomainName"]},
        "GatewayService": {
            "GatewayId": "gw-1",
            "Qualifier": "LATEST",
            "ServiceName": "cams-qr",
            "SourceType": "FC3",
        },
        "GatewayApi": {"HttpApiName": "cams-qr", "Type": "Http"},
        "GatewayRoute": {
            "DomainIds": ["d-1"],
            "EnvironmentInfo": {"EnvironmentId": "env-1"},
            "HttpApiId": "GatewayApi.HttpApiId",
            "RouteName": "qr-codes",
        },
        "GatewayPublication": {"HttpApiId": "GatewayApi.HttpApiId", "RouteId": "GatewayRoute.RouteId"},
    }


@pytest.fixture
def deployed(address: str) -> str:
    assert deploy(address).returncode == 0
    return address


RESERVING = "Setting the function's concurrency: "


def test_a_first_deployment_sets_what_ros_cannot(address: str, cloud: Cloud) -> None:
    told = deploy(address)
    assert (told.returncode, told.stderr) == (0, "")
    # There is no function before.
    assert told.stdout.index("cams-qr: CREATE_COMPLETE") < told.stdout.index(RESERVING)
    assert cloud.account.reserved == {"cams-qr": 5}
    assert cloud.account.asynchronous["cams-qr"] == {
        "maxAsyncRetryAttempts": 3,
        "maxAsyncEventAgeInSeconds": 3600,
        "destinationConfig": {},
    }
    assert "Setting" not in deploy(address).stdout, "nothing is set that is as it should be"


def test_the_documented_example_changes_a_stack(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    (text,) = (
        line for line in Path("docs/deployment.md").read_text().splitlines() if "PARAMETERS=parameters.json" in line
    )
    parameters = json.loads(text.partition("# ")[2].replace("…", "redis://:secret@r-1.redis.rds.aliyuncs.com"))
    told = deploy(deployed, *given(tmp_path, parameters))
    assert (told.returncode, told.stderr) == (0, "")
    assert cloud.account.reserved == {"cams-qr": parameters["MaxInstances"]}
    assert "secret" not in told.stdout


def test_the_commands_to_set_them_by_hand_are_the_same_requests() -> None:
    section = Path("docs/deployment.md").read_text().split("\n## Updates\n")[1].split("\n## ")[0]
    told = {path: json.loads(body) for path, body in re.findall(r"`…(\S*) --body '(.+?)'`", section)}
    parameters = {"FailureDestination": "ARN"}
    made = [setting(parameters) for setting in (settings.concurrency, settings.asynchronous, settings.vpc)]
    assert told == {setting.path.removeprefix("/2023-03-30/functions/cams-qr"): setting.body({}) for setting in made}


def test_a_maximum_is_lowered_before_the_update_and_raised_after_it(
    deployed: str, cloud: Cloud, tmp_path: Path
) -> None:
    lowered = deploy(deployed, *given(tmp_path, {"MaxInstances": 2}))
    assert lowered.stdout.index(f'{RESERVING}{{"reservedConcurrency": 2}}') < lowered.stdout.index("UPDATE_IN_PROGRESS")
    raised = deploy(deployed, *given(tmp_path, {"MaxInstances": 4}))
    assert raised.stdout.index("UPDATE_COMPLETE") < raised.stdout.index(f'{RESERVING}{{"reservedConcurrency": 4}}')
    assert cloud.account.reserved == {"cams-qr": 4}


def test_a_maximum_that_nobody_set_is_set_before_the_update(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.account.reserved.clear()
    told = deploy(deployed, *given(tmp_path, {"Timeout": 60}))
    assert told.stdout.index(RESERVING) < told.stdout.index("UPDATE_IN_PROGRESS")


STAYS = (
    "The maximum of instances stays at 2 until the next deployment; to set it back: "
    "aliyun fc PUT /2023-03-30/functions/cams-qr/concurrency "
    "--body '{\"reservedConcurrency\": 5}' --region ap-southeast-1\n"
)


def test_an_update_that_is_refused_leaves_no_fewer_instances_untold(
    deployed: str, cloud: Cloud, tmp_path: Path
) -> None:
    cloud.account.denied.add("ros:UpdateStack")
    refused = deploy(deployed, *given(tmp_path, {"MaxInstances": 2}))
    assert (refused.returncode, refused.stdout.endswith(STAYS)) == (1, True)
    assert "ros:UpdateStack" in refused.stderr


def test_an_update_that_fails_leaves_no_more_instances_than_the_function_assumes(
    deployed: str, cloud: Cloud, tmp_path: Path
) -> None:
    cloud.swapped[f"packages/{PACKAGE}"] = b"another's"
    failed = deploy(deployed, *given(tmp_path, {"MaxInstances": 2}))
    assert (failed.returncode, failed.stdout.endswith(STAYS)) == (1, True)
    assert (cloud.account.reserved["cams-qr"], *_instances(cloud)) == (2, "5")
    assert STAYS not in deploy(deployed, *given(tmp_path, {"MaxInstances": 5})).stdout, "nothing was lowered"
    cloud.swapped.clear()
    assert deploy(deployed).returncode == 0
    assert cloud.account.reserved == {"cams-qr": 5}, "as the parameters say"


def _instances(cloud: Cloud) -> list[str]:
    return [stack.parameters["MaxInstances"] for stack in cloud.stacks.values()]


def test_without_the_right_to_lower_it_nothing_changes(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.account.denied.add("fc:PutConcurrencyConfig")
    told = deploy(deployed, *given(tmp_path, {"MaxInstances": 2}))
    assert (told.returncode, "fc:PutConcurrencyConfig" in told.stderr) == (1, True)
    assert "UpdateStack" not in cloud.operations


@pytest.mark.thorough
def test_what_passes_does_not_prevent_a_setting(cloud: Cloud) -> None:
    failures = ["conflict", "no answer", "throttled"]

    @web.middleware
    async def failing(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "PUT" and request.path.endswith("/concurrency") and failures:
            failure = failures.pop()
            if failure == "no answer":
                assert request.transport
                request.transport.abort()
            status = {"conflict": 409, "throttled": 429}.get(failure, 500)
            return web.json_response({"Code": failure, "Message": "Wait."}, status=status)
        answer: web.StreamResponse = await handler(request)
        return answer

    app = cloud.app()
    app.middlewares.append(failing)
    with serve(app) as address:
        told = deploy(f"http://{address}")
    assert (told.returncode, told.stderr, failures) == (0, "", [])
    assert cloud.account.reserved == {"cams-qr": 5}


def test_what_cannot_be_set_is_told_and_the_rest_is_set(address: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.account.denied.add("fc:PutConcurrencyConfig")
    told = deploy(address)
    assert told.returncode == 1
    assert told.stderr.startswith("The function's concurrency could not be set: ")
    assert told.stderr.endswith(
        "\n  To set it by hand: aliyun fc PUT /2023-03-30/functions/cams-qr/concurrency "
        "--body '{\"reservedConcurrency\": 5}' --region ap-southeast-1\n"
    )
    assert "cams-qr" in cloud.account.asynchronous


@pytest.mark.thorough
def test_a_destination_is_set_changed_and_cleared(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    arn = "acs:fc:ap-southeast-1:1234567890123456:functions/"
    config = cloud.account.asynchronous["cams-qr"]
    for name in ("failed", "failed-too"):
        assert deploy(deployed, *given(tmp_path, {"FailureDestination": arn + name})).returncode == 0
        assert config is not cloud.account.asynchronous["cams-qr"]
        config = cloud.account.asynchronous["cams-qr"]
        assert config["destinationConfig"] == {"onFailure": {"destination": arn + name}}
    # Somebody else's, which the template does not know.
    config["destinationConfig"]["onSuccess"] = {"destination": arn + "found"}
    assert "Setting" not in deploy(deployed).stdout
    assert deploy(deployed, *given(tmp_path, {"FailureDestination": ""})).returncode == 0
    assert cloud.account.asynchronous["cams-qr"]["destinationConfig"] == {"onSuccess": {"destination": arn + "found"}}


def test_a_function_leaves_its_vpc(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    vpc = {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1"}
    entered = deploy(deployed, *given(tmp_path, vpc))
    assert (entered.returncode, "VPC" in entered.stdout) == (0, False), "ROS has done it"
    assert cloud.account.functions["cams-qr"]["vpcConfig"]["vpcId"] == "vpc-1"
    left = deploy(deployed, *given(tmp_path, {"VpcId": ""}))
    assert left.returncode == 0
    assert "Setting the function's VPC: " in left.stdout
    assert cloud.account.functions["cams-qr"] == {
        "functionName": "cams-qr",
        "vpcConfig": {"vpcId": "", "vSwitchIds": [], "securityGroupId": ""},
    }


DOMAIN = {name: EVERYTHING[name] for name in ("DomainName", "DomainCertificate", "DomainPrivateKey")}
GATEWAY = {"GatewayId": "gw-1", "GatewayEnvironmentId": "env-1", "GatewayDomainId": "d-1"}


@pytest.mark.parametrize(
    ("before", "change", "between", "replacement", "refuses_late"),
    [
        (DOMAIN, {"DomainName": "other.example.com"}, {"DomainName": ""}, "True", False),
        (GATEWAY, {"GatewayId": "gw-2"}, {"GatewayId": ""}, "Conditional", True),
    ],
)
def test_what_takes_two_deployments_is_refused_in_one(
    address: str,
    cloud: Cloud,
    tmp_path: Path,
    before: dict[str, str],
    change: dict[str, str],
    between: dict[str, str],
    replacement: str,
    refuses_late: bool,
) -> None:
    cloud.replacement, cloud.refuses_late = replacement, refuses_late
    assert deploy(address, *given(tmp_path, before)).returncode == 0
    (name,), (emptied,) = change, between
    told = deploy(address, *given(tmp_path, change | {"MaxInstances": "1"}))
    assert told.returncode == 1
    assert f'  {name} cannot be changed in place: deploy once with {emptied} "", then with ' in told.stdout
    assert "UpdateStack" not in cloud.operations
    assert cloud.account.reserved == {"cams-qr": 5}, "nothing is lowered for nothing"
    for step in (between, before | change):
        assert deploy(address, *given(tmp_path, step)).returncode == 0
    (stack,) = cloud.stacks.values()
    assert stack.parameters[name] == change[name]


def test_another_name_needs_another_stack(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    told = deploy(deployed, *given(tmp_path, {"FunctionName": "cams-qr-2"}))
    assert told.returncode == 1
    assert told.stdout.splitlines()[-2].startswith("Nothing was changed, because ROS would have to replace ")
    assert told.stdout.splitlines()[-1].startswith("  FunctionName cannot be changed in place: deploy it as another ")
    assert "UpdateStack" not in cloud.operations


def test_a_release_that_ros_cannot_update_to_is_refused(deployed: str, cloud: Cloud) -> None:
    (stack,) = cloud.stacks.values()
    stack.template["Resources"]["Role"]["Properties"]["Description"] = "As an earlier release had it"
    told = deploy(deployed)
    assert told.returncode == 1
    assert told.stdout.endswith(
        "Nothing was changed, because ROS would have to replace Role.\n"
        "  If a parameter changed, deploy once with it empty, then with the new value; else deploy another stack.\n"
    )


STATES = [(status, bool(number % 2)) for number, status in enumerate(sorted(UPDATABLE))]


@pytest.mark.parametrize(("status", "refuses_same"), [*STATES[:2], *further(*STATES[2:])])
def test_the_same_again_is_no_failure_in_any_state(
    deployed: str, cloud: Cloud, status: str, refuses_same: bool
) -> None:
    (stack,) = cloud.stacks.values()
    stack.status, cloud.refuses_same_preview = status, refuses_same
    told = deploy(deployed)
    assert (told.returncode, told.stderr) == (0, "")
    assert f"Nothing changes.\ncams-qr: {status}\n  Url: a value of Url" in told.stdout


def test_a_deployment_after_one_that_never_worked_takes_nothing_over(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    deploy(
        address, *given(tmp_path, {"MaxInstances": "2", "FunctionName": "other"}), package="cams-qr/python3.10-no.zip"
    )
    assert deploy(address).returncode == 0
    assert cloud.account.reserved == {"cams-qr": 5}


def test_a_secret_does_not_travel_in_a_url(address: str, cloud: Cloud, tmp_path: Path) -> None:
    told = deploy(address, *given(tmp_path, {"RedisUrl": "redis://:secret@r-1.redis.rds.aliyuncs.com:6379"}))
    assert told.returncode == 0, "the stand-in refuses parameters in a URL"
    assert deploy(address, *given(tmp_path, DOMAIN)).returncode == 0
    assert not [url for url in cloud.urls if "Parameters." in url or "secret" in url]
    assert any("Action" in url or "StackId" in url for url in cloud.urls)


def test_what_ros_keeps_secret_it_does_not_tell(deployed: str, cloud: Cloud, tmp_path: Path) -> None:
    deploy(deployed, *given(tmp_path, {"RedisUrl": "redis://:secret@r-1.redis.rds.aliyuncs.com:6379"}))
    (stack,) = cloud.stacks.values()
    told = cloud.ros("GetStack", {"StackId": stack.id})["Parameters"]
    assert {"ParameterKey": "RedisUrl", "ParameterValue": "******"} in told
    assert deploy(deployed, *given(tmp_path, {"Timeout": 60})).returncode == 0
    assert stack.parameters["RedisUrl"].startswith("redis://:secret@"), "kept"


@pytest.mark.parametrize(
    ("service", "region", "expected"),
    [
        ("ecs", "ap-southeast-1", "ecs.ap-southeast-1.aliyuncs.com"),
        ("vpc", "ap-southeast-1", "vpc.ap-southeast-1.aliyuncs.com"),
        ("ecs", "cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com"),
        ("vpc", "cn-hangzhou", "vpc.aliyuncs.com"),
        ("ecs", "cn-new-1", "ecs.cn-new-1.aliyuncs.com"),
        ("ros", "ap-southeast-1", "ros.aliyuncs.com"),
        ("fc", "ap-southeast-1", "fcv3.ap-southeast-1.aliyuncs.com"),
    ],
)
def test_hosts_are_those_of_the_vendors_sdks(service: str, region: str, expected: str) -> None:
    assert host(service, region) == expected


@pytest.mark.parametrize(("answer", "is_gone"), [("yes\n", True), ("\n", False), ("cams-qr\n", False)])
def test_a_removal_is_asked_for_at_a_terminal(deployed: str, cloud: Cloud, answer: str, is_gone: bool) -> None:
    told = run(deployed, "remove", "--stack", "cams-qr", typed=answer)
    assert "This deletes cams-qr and all of its logs; they cannot be recovered.\n" in told.stdout
    (stack,) = cloud.stacks.values()
    assert (stack.status == "DELETE_COMPLETE", told.returncode == 0) == (is_gone, is_gone)


def test_a_removal_without_a_terminal_says_how(deployed: str, cloud: Cloud) -> None:
    told = run(deployed, "remove", "--stack", "cams-qr")
    assert (told.returncode, told.stderr) == (
        1,
        "Nothing was deleted, because there is no terminal to ask at; YES=on (--yes) deletes without asking.\n",
    )
    assert "DeleteStack" not in cloud.operations
    assert run(deployed, "remove", "--stack", "cams-qr", "--yes").returncode == 0
    assert cloud.account.functions == {}
    assert cloud.account.reserved == {}
