"""What the user reads of `make doctor`, each fault taken alone; the account is played, signatures are real."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deploy.doctor import CHECKS
from local.acs3 import AccessKey, Refused
from local.beliefs import BELIEFS
from local.cloud import Cloud, ros, sls
from local.cloud.operations import OPERATIONS
from local.cloud.rest import PATHS
from local.cloud.ros import Stack
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from local.serve import serve
from testing.template import TEMPLATE
from tests.conftest import every
from tests.deploy.command import run

OPTIONAL = {
    "VpcId": "vpc-1",
    "VSwitchId": "vsw-1",
    "SecurityGroupId": "sg-1",
    "GatewayId": "gw-1",
    "GatewayEnvironmentId": "gw-1",
    "GatewayDomainId": "d-1",
    "QueueName": "questions",
    "DeadLetterQueueName": "failed",
}


# What each fix begins with: a command or a page.
FIX = re.compile(r"(aliyun|make|sed|timedatectl|export) |https://|docs/")
NO_CREDENTIALS = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def doctor(address: str, tmp_path: Path) -> "Doctor":
    return Doctor(address, tmp_path)


class Doctor:
    """Runs it as `make doctor` does."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.variables: dict[str, str] = {}

    def __call__(
        self, *arguments: str, parameters: Any = None, bucket: str = "packages", key: AccessKey | None = DEMO_KEY
    ) -> "Told":
        line = ["doctor", "--bucket", bucket, *arguments]
        if parameters is not None:
            file = self.folder / "parameters.json"
            file.write_text(json.dumps(parameters))
            line += ["--parameters", str(file)]
        environment = {
            **(role_environment(DEMO_KEY_ID, key) if key else NO_CREDENTIALS | {"HOME": str(self.folder)}),
            "PATH": os.environ["PATH"],
            "CLOUD_ENDPOINT": self.address,
            **self.variables,
        }
        told = Told(run(environment, *line))
        assert [fix for fix in told.fixes() if not FIX.match(fix)] == []
        return told


class Told:
    """What it printed, by row."""

    def __init__(self, ended: "subprocess.CompletedProcess[str]") -> None:
        assert ended.stderr == ""
        self.code = ended.returncode
        self.text = ended.stdout

    def row(self, what: str) -> str:
        """The row without its padding; with its fix after an arrow."""
        lines = self.text.splitlines()
        (place,) = [i for i, line in enumerate(lines) if line[2:].startswith(f"{what}  ")]
        rows = [lines[place], *lines[place + 1 : place + 2]]
        return " ".join(" ".join(row.split()) for row in rows if row is lines[place] or "→" in row)

    def fixes(self) -> list[str]:
        return [line.strip().removeprefix("→ ") for line in self.text.splitlines() if line.strip().startswith("→")]

    def rows(self) -> list[str]:
        """The mark of each row."""
        return [line[0] for line in self.text.splitlines() if line[:1] in ("✓", "✗", "?")]


def test_an_account_that_lacks_nothing(doctor: Doctor, cloud: Cloud) -> None:
    told = doctor(parameters=OPTIONAL)
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("parameters") == "✓ parameters no contradictions"
    assert told.row("caller") == "✓ caller RAM user deployer, account 1234567890123456"
    assert told.row("bucket") == "✓ bucket packages is in ap-southeast-1 and may be written to"
    assert told.row("Function Compute") == "✓ Function Compute activated; there is no function cams-qr yet"
    assert told.row("vSwitch") == "✓ vSwitch vsw-1 in ap-southeast-1a"
    assert told.row("rights").startswith("✓ rights all ")
    assert re.fullmatch(
        r"✓ rights, by ROS deploy/policy.json has all \d+ actions that ROS lists for this template",
        told.row("rights, by ROS"),
    )


def test_ros_is_told_no_secret(cloud: Cloud, tmp_path: Path) -> None:
    sent = []

    @web.middleware
    async def listening(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("x-acs-action") == "GenerateTemplatePolicy":
            sent.append(f"{request.url} {await request.text()}")
        answer: web.StreamResponse = await handler(request)
        return answer

    app = cloud.app()
    app.middlewares.append(listening)
    with serve(app) as address:
        told = Doctor(f"http://{address}", tmp_path)(
            parameters={"RedisUrl": "redis://:secret@r-1.redis.rds.aliyuncs.com", "MaxInstances": 6, "LogDays": 77}
        )
    assert told.row("rights, by ROS").startswith("✓")
    (text,) = sent
    assert ("77" in text, "secret" in text) == (True, False)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Policy": {"Version": "1", "Statement": []}}, "? rights, by ROS ROS lists no actions"),
        ({}, "? rights, by ROS the service's answer does not match its reference (KeyError)"),
    ],
)
def test_ros_lists_nothing(cloud: Cloud, tmp_path: Path, answer: Any, expected: str) -> None:
    @web.middleware
    async def answering(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("x-acs-action") == "GenerateTemplatePolicy":
            return web.json_response(answer)
        other: web.StreamResponse = await handler(request)
        return other

    app = cloud.app()
    app.middlewares.append(answering)
    with serve(app) as address:
        assert Doctor(f"http://{address}", tmp_path)().row("rights, by ROS") == expected


def test_ros_lists_what_these_parameters_need(doctor: Doctor) -> None:
    listed = [int(re.findall(r"\d+", doctor(parameters=p).row("rights, by ROS"))[0]) for p in ({}, OPTIONAL)]
    assert listed[0] < listed[1]


def test_nothing_is_changed_and_nothing_unasked_is_looked_for(doctor: Doctor, cloud: Cloud) -> None:
    told = doctor()
    assert told.code == 0
    assert (cloud.stacks, cloud.objects, cloud.operations) == ({}, {}, [])
    for unasked in ("VPC", "vSwitch", "security group", "gateway", "gateway's role", "EventBridge's roles"):
        assert f" {unasked}  " not in told.text


def test_parameters_that_contradict(doctor: Doctor) -> None:
    told = doctor(parameters={"VpcId": "vpc-1", "SecurityGroupId": "sg-1", "MaxInstances": 6})
    rows = [" ".join(line.split()) for line in told.text.splitlines()[:4]]
    assert rows[0].startswith("✗ parameters MaxInstances above CamsQps needs RedisUrl; set it, lower MaxInstances")
    assert rows[2] == "✗ parameters VpcId needs VSwitchId too."
    assert rows[1] == rows[3] == "→ make deploy … PARAMETERS=… # corrected"
    assert told.row("caller").startswith("✓"), "and all else is looked at"
    assert told.code == 1


def test_parameters_that_break_their_own_constraints(doctor: Doctor, cloud: Cloud) -> None:
    told = doctor(parameters={"LogLevels": "INFO", "MaxInstances": 500, "JwtConfig": [], "VpcId": "vpc-1"})
    rows = [" ".join(line.split()) for line in told.text.splitlines()[:6]]
    assert rows[::2] == [
        "✗ parameters LogLevels is no parameter of template.yml.",
        "✗ parameters MaxInstances must be 1 to 300.",
        '✗ parameters JwtConfig must match ^(\\{"jwks".*\\})?$',
    ]
    assert told.row("caller").startswith("✓"), "and all else is looked at"
    assert "needs VSwitchId" not in told.text, "as ROS, which looks at each first, then at all together"
    assert told.code == 1


def test_parameters_that_the_function_refuses_at_its_start(doctor: Doctor) -> None:
    told = doctor(parameters={"AllowedPhoneNumbers": None, "RedisUrl": "redis://:secret@r-1:port"})
    assert told.row("parameters").startswith("✗ parameters REDIS_URL: must be redis[s]://[user:password@]host")
    assert "; ALLOWED_PHONE_NUMBERS: " in told.row("parameters")
    assert "secret" not in told.text
    assert told.code == 1


def test_a_name_that_is_too_long_for_the_logs_of_this_region(doctor: Doctor) -> None:
    name = "whatsapp-codes-of-shops10"
    told = doctor("--region", "cn-shanghai-finance-1", parameters={"FunctionName": name})
    assert told.row("parameters") == (
        "✗ parameters FunctionName must have at most 24 characters in cn-shanghai-finance-1, because the SLS project "
        "is named FunctionName-ACCOUNT-REGION, and may have 63. → make deploy … PARAMETERS=… # corrected"
    )
    told = doctor("--region", "cn-shanghai-finance-1", parameters={"FunctionName": name[:-1]})
    assert told.row("parameters") == "✓ parameters no contradictions"
    assert doctor(parameters={"FunctionName": name}).row("parameters") == "✓ parameters no contradictions"


def test_what_a_stack_keeps_is_not_checked_again(doctor: Doctor, cloud: Cloud) -> None:
    """ROS tells a secret as asterisks, which fit no pattern, and its own parameters beside the template's."""
    kept = {"RedisUrl": "******", "MaxInstances": "6", "ALIYUN::StackName": "cams-qr", "Retired": "1"}
    stack = Stack("cams-qr", {"Parameters": {}, "Outputs": {}}, kept, status="CREATE_COMPLETE")
    cloud.stacks = {stack.id: stack}
    assert doctor("--stack", "cams-qr").row("parameters") == "✓ parameters no contradictions"


def test_what_a_stack_cannot_change(doctor: Doctor, cloud: Cloud) -> None:
    kept = {"FunctionName": "cams-qr", "DomainName": "a.example.com", "DomainPrivateKey": "******"}
    stack = Stack("cams-qr", TEMPLATE, kept | {"DomainCertificate": "kept"}, status="CREATE_COMPLETE")
    cloud.stacks = {stack.id: stack}
    told = doctor("--stack", "cams-qr", parameters={"DomainName": "b.example.com"})
    assert (told.code, told.row("parameters")) == (
        1,
        '✗ parameters DomainName cannot be changed in place: deploy once with DomainName "", then with the new one. '
        "→ make deploy … PARAMETERS=… # corrected",
    )
    assert doctor("--stack", "cams-qr", parameters={"DomainName": ""}).row("parameters").startswith("✓ parameters ")


SED = "sed 's/BUCKET/packages/g; s/FUNCTION_NAME/cams-qr/g' deploy/"
ANOTHER = "make deploy … PARAMETERS=… # with a {} that this lists: aliyun {} --RegionId ap-southeast-1"
CHANGES: list[tuple[str, Any, str]] = [
    (
        "bucket",
        lambda account: account.buckets.clear(),
        "✗ bucket packages does not exist → aliyun oss mb oss://packages --region ap-southeast-1",
    ),
    (
        "bucket",
        lambda account: account.buckets.update(packages="cn-hangzhou"),
        "✗ bucket packages is in cn-hangzhou, not in ap-southeast-1 "
        "→ make deploy … BUCKET=… # one in ap-southeast-1; or REGION=cn-hangzhou",
    ),
    (
        "bucket",
        lambda account: account.denied.add("oss:PutObject"),
        "✗ bucket this caller may not write to packages, or it is another account's: "
        "You have no right to access this object because of bucket acl. "
        f"→ {SED}policy.json # grant this to deployer",
    ),
    (
        "Function Compute",
        lambda account: account.activated.remove("fc"),
        "✗ Function Compute not activated → https://fcnext.console.alibabacloud.com/",
    ),
    (
        "its role",
        lambda account: account.roles.remove("AliyunServiceRoleForFC"),
        "✗ its role there is no AliyunServiceRoleForFC "
        "→ aliyun resourcemanager CreateServiceLinkedRole --ServiceName fc.aliyuncs.com",
    ),
    (
        "EventBridge's roles",
        lambda account: account.roles.remove("AliyunServiceRoleForFCTriggerEventBridge"),
        "✗ EventBridge's roles there is no AliyunServiceRoleForFCTriggerEventBridge "
        "→ https://fcnext.console.alibabacloud.com/ # creating a first trigger of that kind there creates this role",
    ),
    (
        "EventBridge's roles",
        lambda account: account.roles.remove("AliyunServiceRoleForEventBridgeSendToFC"),
        "✗ EventBridge's roles there is no AliyunServiceRoleForEventBridgeSendToFC "
        "→ aliyun eventbridge CreateServiceLinkedRoleForProduct --ProductName AliyunServiceRoleForEventBridgeSendToFC",
    ),
    (
        "EventBridge's roles",
        lambda account: account.roles.remove("AliyunServiceRoleForEventBridgeSourceMNS"),
        "✗ EventBridge's roles there is no AliyunServiceRoleForEventBridgeSourceMNS "
        "→ aliyun eventbridge CreateServiceLinkedRoleForProduct --ProductName AliyunServiceRoleForEventBridgeSourceMNS",
    ),
    (
        "EventBridge's roles",
        lambda account: account.roles.remove("AliyunServiceRoleForEventBridgeSendToMNS"),
        "✗ EventBridge's roles there is no AliyunServiceRoleForEventBridgeSendToMNS "
        "→ aliyun eventbridge CreateServiceLinkedRoleForProduct --ProductName AliyunServiceRoleForEventBridgeSendToMNS",
    ),
    (
        "Simple Log Service",
        lambda account: account.activated.remove("sls"),
        "✗ Simple Log Service not activated → https://sls.console.alibabacloud.com/",
    ),
    (
        "concurrency",
        lambda account: account.reserved.update({"other": 88, "cams-qr": 5}),
        "? concurrency 5 requested, 88 reserved by other functions; "
        "an account may reserve 90 unless its limit was raised → https://quotas.console.alibabacloud.com/products/fc/quotas",
    ),
    (
        # On two pages.
        "concurrency",
        lambda account: account.reserved.update({f"other-{i}": 1 for i in range(101)}),
        "? concurrency 5 requested, 101 reserved by other functions; "
        "an account may reserve 90 unless its limit was raised → https://quotas.console.alibabacloud.com/products/fc/quotas",
    ),
    (
        "VPC",
        lambda account: account.vpcs.clear(),
        "✗ VPC there is no vpc-1 in ap-southeast-1 → " + ANOTHER.format("VpcId", "vpc DescribeVpcs"),
    ),
    (
        "vSwitch",
        lambda account: account.vswitches.update({"vsw-1": ("vpc-2", "ap-southeast-1a")}),
        "✗ vSwitch vsw-1 is not in vpc-1 → " + ANOTHER.format("VSwitchId", "vpc DescribeVSwitches"),
    ),
    (
        "vSwitch",
        lambda account: account.vswitches.update({"vsw-1": ("vpc-1", "ap-southeast-1b")}),
        "✗ vSwitch Function Compute does not support ap-southeast-1b, only ap-southeast-1a, ap-southeast-1c "
        "→ https://www.alibabacloud.com/help/en/functioncompute/vswitch-is-in-unsupported-zone",
    ),
    (
        "vSwitch",
        lambda account: account.zones.clear(),
        "? vSwitch vsw-1 is there; whether Function Compute supports ap-southeast-1a is unknown "
        "→ https://www.alibabacloud.com/help/en/functioncompute/vswitch-is-in-unsupported-zone",
    ),
    (
        "security group",
        lambda account: account.security_groups.clear(),
        "✗ security group sg-1 is not in vpc-1 → " + ANOTHER.format("SecurityGroupId", "ecs DescribeSecurityGroups"),
    ),
    (
        "gateway",
        lambda account: account.gateways.clear(),
        "✗ gateway there is no gw-1 in ap-southeast-1 → https://apigw.console.alibabacloud.com/",
    ),
    (
        "gateway",
        lambda account: account.gateways.update({"gw-1": "Creating"}),
        "✗ gateway gw-1 is Creating → https://apigw.console.alibabacloud.com/",
    ),
    (
        "gateway's role",
        lambda account: account.roles.remove("AliyunServiceRoleForNativeApiGwInvokeFC"),
        "✗ gateway's role there is no AliyunServiceRoleForNativeApiGwInvokeFC "
        "→ aliyun resourcemanager CreateServiceLinkedRole --ServiceName invokefc.nativeapigw.aliyuncs.com",
    ),
    (
        "rights, by ROS",
        lambda account: account.template_actions.update({"quotas:ListProductQuotas", "FC:CreateFunction"}),
        "? rights, by ROS ROS lists actions that deploy/policy.json lacks: quotas:ListProductQuotas "
        f"→ {SED}policy.json # grant this to deployer, with these",
    ),
]


@pytest.mark.parametrize(
    ("what", "change", "expected"), every(3, CHANGES), ids=[f"{c[0]}-{i}" for i, c in enumerate(CHANGES)]
)
def test_one_thing_is_missing(doctor: Doctor, cloud: Cloud, what: str, change: Any, expected: str) -> None:
    change(cloud.account)
    told = doctor(parameters=OPTIONAL)
    assert told.row(what) == expected
    assert told.code == (1 if expected[0] == "✗" else 0)
    others = [mark for mark in told.rows() if mark != "✓"]
    follow = ["?", "?"] if what == "Function Compute" else []
    assert others == [expected[0], *follow], told.text


@pytest.mark.parametrize(
    ("parameters", "mark"),
    [
        ({}, "?"),
        ({"QueueName": "questions"}, "✗"),
        ({"VpcId": "vpc-1", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1"}, "✗"),
    ],
)
def test_a_role_that_only_a_vpc_and_a_queue_need(
    doctor: Doctor, cloud: Cloud, parameters: dict[str, str], mark: str
) -> None:
    cloud.account.roles.remove("AliyunServiceRoleForFC")
    told = doctor(parameters=parameters)
    assert told.row("its role").startswith(f"{mark} its role there is no AliyunServiceRoleForFC")
    assert ("only a VPC and a queue need it" in told.row("its role")) == (mark == "?")
    assert told.code == (mark == "✗")


def test_what_cannot_be_known_before_a_service_is_opened(doctor: Doctor, cloud: Cloud) -> None:
    cloud.account.activated.clear()
    told = doctor()
    assert told.row("concurrency") == "? concurrency unknown until Function Compute is activated"


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("Function Compute", "fc:GetFunction"),
        ("its role", "ram:GetRole"),
        ("Simple Log Service", "log:GetSlsService"),
        ("concurrency", "fc:ListConcurrencyConfigs"),
        ("VPC", "vpc:DescribeVpcs"),
        ("vSwitch", "vpc:DescribeVSwitches"),
        ("security group", "ecs:DescribeSecurityGroups"),
        ("gateway", "apig:GetGateway"),
        ("rights", "ram:ListPoliciesForUser"),
        ("rights, by ROS", "ros:GenerateTemplatePolicy"),
    ],
)
def test_what_may_not_be_looked_at_is_not_claimed(doctor: Doctor, cloud: Cloud, what: str, action: str) -> None:
    cloud.account.denied.add(action)
    told = doctor(parameters=OPTIONAL)
    assert told.row(what).startswith(f"? {what} cannot be known: this caller lacks {action}")
    assert told.code == 0
    statements = json.loads(Path("deploy/policy-checks.json").read_text())["Statement"]
    assert action in [a for statement in statements for a in statement["Action"]] or action == "fc:GetFunction"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("8613800001234", "✓ CAMS subscribed and permitted; that number has 2 QR codes"),
        (
            "12025550123",
            "✓ CAMS subscribed and permitted; the number is not this account's (ERR-OPERATION-MAAP-0065)",
        ),
        (
            "15554000029",
            "✗ CAMS upstream_error (Something.Unheard): CAMS answered with a code that this function does not know. "
            "→ https://chatapp.console.alibabacloud.com/",
        ),
        (
            "15554030001",
            "✗ CAMS not_subscribed (Product.Unsubscript): Subscribe the account to Chat App Message Service. "
            "→ https://chatapp.console.alibabacloud.com/",
        ),
        (
            "15554000002",
            "? CAMS cannot be known: this caller lacks cams:ListPhoneMessageQrdl (Ram.PermissionDeny); "
            f"the function has it by its role → {SED}policy-checks.json # grant this to deployer",
        ),
        (
            "15554000003",
            "? CAMS throttled (System.LimitControl): The account's calls to CAMS exceed its quota; retry later. "
            "→ make doctor NUMBER=… # one of the account's",
        ),
    ],
)
def test_what_cams_says(doctor: Doctor, number: str, expected: str) -> None:
    told = doctor("--number", number)
    assert told.row("CAMS") == expected
    assert told.code == (1 if "✗" in expected else 0)
    assert number not in told.text


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Unknown.ResourceOwnerId", "✓ CAMS subscribed and permitted; the number is not this account's ("),
        ("InvalidParameter.PhoneNumberError", "? CAMS invalid_request ("),
        ("ERR-OPERATION-MAAP-0099", "? CAMS upstream_error ("),
    ],
)
def test_no_code_for_a_number_that_nobody_owns_stops_a_deployment(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, code: str, expected: str
) -> None:
    monkeypatch.setitem(BELIEFS, "foreign_number", BELIEFS["foreign_number"]._replace(value=code))
    told = doctor()
    assert told.row("CAMS").startswith(f"{expected}{code})")
    assert told.code == 0


def test_credentials_that_are_refused_end_it(doctor: Doctor) -> None:
    told = doctor(key=AccessKey(secret="wrong", token=DEMO_KEY.token))
    assert told.row("caller") == (
        "✗ caller the credentials were refused: SignatureDoesNotMatch → aliyun configure # wrong secret for this key"
    )
    assert (told.code, told.rows()) == (1, ["✓", "✗"])


def refuse(code: str) -> Any:
    def answer(*given: Any) -> Any:
        raise Refused(code, "", 403)

    return answer


@pytest.mark.parametrize(
    ("operation", "answer", "expected"),
    [
        (
            "GetCallerIdentity",
            refuse("InvalidTimeStamp.Expired"),
            "✗ caller the credentials were refused: InvalidTimeStamp.Expired "
            "→ timedatectl set-ntp true # this machine's clock is wrong",
        ),
        (
            "GetCallerIdentity",
            lambda *given: {},
            "? caller the service's answer does not match its reference (KeyError)",
        ),
        (
            "DescribeVpcs",
            lambda *given: {},
            "? VPC the service's answer does not match its reference (KeyError)",
        ),
        ("DescribeVpcs", refuse("InternalError"), "? VPC the service answered InternalError"),
    ],
)
def test_answers_that_say_nothing_of_the_account(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, operation: str, answer: Any, expected: str
) -> None:
    monkeypatch.setitem(OPERATIONS, operation, ("", answer))
    assert doctor(parameters=OPTIONAL).row(expected.split()[1]) == expected


def test_a_bucket_that_answers_otherwise(doctor: Doctor, cloud: Cloud) -> None:
    cloud.account.activated.remove("oss")
    assert doctor().row("bucket") == "? bucket OSS answered UserDisable"


def test_no_credentials(doctor: Doctor) -> None:
    told = doctor(key=None)
    assert (told.code, told.rows()) == (1, ["✓", "✗"])
    assert told.row("caller").startswith("✗ caller no credentials were found → aliyun configure")


@web.middleware
async def metadata_service(request: web.Request, handler: Any) -> web.StreamResponse:
    """What an ECS instance asks for the credentials of its role, which holds the stand-in's key."""
    key = {"AccessKeyId": DEMO_KEY_ID, "AccessKeySecret": DEMO_KEY.secret, "SecurityToken": DEMO_KEY.token}
    answers = {
        "/latest/api/token": "token",
        "/latest/meta-data/ram/security-credentials/": "deployer",
        "/latest/meta-data/ram/security-credentials/deployer": json.dumps(
            {**key, "Code": "Success", "Expiration": "2999-01-01T00:00:00Z"}
        ),
    }
    if request.path in answers:
        return web.Response(text=answers[request.path])
    answer: web.StreamResponse = await handler(request)
    return answer


def test_the_role_of_an_ecs_instance(cloud: Cloud, tmp_path: Path) -> None:
    app = cloud.app()
    app.middlewares.append(metadata_service)
    with serve(app) as address:
        doctor = Doctor(f"http://{address}", tmp_path)
        # The metadata service has an address of its own, which a proxy plays.
        doctor.variables = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "false", "http_proxy": f"http://{address}"}
        told = doctor(key=None)
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text
    assert told.row("rights").startswith("✓ rights all ")


def test_no_network(tmp_path: Path) -> None:
    told = Doctor("http://127.0.0.1:9", tmp_path)()
    assert (told.code, told.rows()) == (1, ["✓", "✗"])
    assert told.row("caller").endswith("→ export HTTPS_PROXY=http://… # or repair this machine's network or DNS")


def test_regions_and_runtimes(doctor: Doctor) -> None:
    told = doctor("--runtime", "python3.12")
    assert told.row("runtime") == (
        "✗ runtime Function Compute's list of regions for python3.12 (June 2026) lacks ap-southeast-1 "
        "→ make deploy … RUNTIME=python3.10 # or DOCTOR=off, if the list has grown"
    )
    assert (
        doctor("--region", "mars-1")
        .row("region")
        .startswith("✗ region mars-1 is not a region that Function Compute's SDK knows")
    )


def test_the_two_policies_hold_every_right_that_is_used() -> None:
    used = {action for action, _ in (*OPERATIONS.values(), *PATHS.values()) if action}
    used |= {right for _, _, rights in CHECKS for right in re.findall(r"[a-z]+:[A-Za-z]+", rights)}
    used |= {right for rights in sls.RIGHTS.values() for right in rights}
    used |= {f"ros:{operation}" for operation in ros.OPERATIONS} | {"fc:InvokeFunction"}
    granted = [json.loads(Path(f"deploy/{name}.json").read_text()) for name in ("policy", "policy-checks")]
    assert used <= {a for policy in granted for statement in policy["Statement"] for a in statement["Action"]}


def statement(**parts: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **parts}


def own_policy(name: str = "policy") -> dict[str, Any]:
    text = Path(f"deploy/{name}.json").read_text().replace("BUCKET", "packages").replace("FUNCTION_NAME", "cams-qr")
    policy: dict[str, Any] = json.loads(text)
    return policy


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([own_policy()["Statement"]], "✓ rights all "),
        (
            [[statement()], [statement(Effect="Deny", Action="ros:*")]],
            "✗ rights missing 7 actions of deploy/policy.json: ros:",
        ),
        ([[statement(Action=["fc:*", "ROS:*"])]], "✗ rights missing "),
        ([[statement(Resource="acs:fc:*:*:functions/other")]], "✗ rights missing "),
        (
            [[statement(Condition={"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}})]],
            "? rights granted on conditions that are not evaluated: oss:PutObject, ",
        ),
        ([[{"Effect": "Allow", "NotAction": "ims:*", "Resource": "*"}]], "✓ rights all "),
        (
            [[{"Effect": "Allow", "Action": "*", "NotResource": "acs:oss:*:*:other"}]],
            "? rights granted on conditions that are not evaluated: oss:PutObject, ",
        ),
        (
            [[statement()], [{"Effect": "Deny", "Action": "fc:*", "NotResource": "acs:fc:*:*:other"}]],
            "? rights granted on conditions that are not evaluated: fc:",
        ),
        (
            [[statement(Resource=["acs:*:ap-southeast-1:*", "acs:ram::1234567890123456:*"])]],
            "✓ rights all ",
        ),
        ([], "✗ rights missing "),
    ],
)
def test_the_rights_of_a_user(doctor: Doctor, cloud: Cloud, policies: Any, expected: str) -> None:
    given = {str(i): {"Version": "1", "Statement": s} for i, s in enumerate(policies)}
    cloud.account.policies = given | {"checks": own_policy("policy-checks")}
    told = doctor()
    assert told.row("rights").startswith(expected), told.row("rights")
    if expected[0] == "✗":
        assert "sed 's/BUCKET/packages/g; s/FUNCTION_NAME/cams-qr/g' deploy/policy.json" in told.row("rights")


def test_the_rights_of_groups_roles_and_the_account(doctor: Doctor, cloud: Cloud) -> None:
    account = cloud.account
    account.group_policies, account.policies = account.policies, {}
    assert doctor().row("rights").startswith("✓ rights all ")
    account.policies = account.group_policies
    account.arn, account.identity_type = "acs:ram::1234567890123456:assumed-role/ci/session", "AssumedRoleUser"
    told = doctor()
    assert told.row("caller") == "✓ caller role ci, account 1234567890123456"
    assert told.row("rights").startswith("✓ rights all ")
    account.arn, account.identity_type = "acs:ram::1234567890123456:root", "Account"
    assert doctor().row("rights").startswith("✓ rights all, as the account itself")
