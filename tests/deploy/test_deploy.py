"""A deployment from the command line to the cloud's answers; the cloud is played, the signatures are real."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cams_qr import __version__
from local.acs3 import AccessKey
from local.cloud import Cloud
from local.cloud.rest import PATHS
from local.fc import role_environment
from local.sandbox import DEMO_KEY, DEMO_KEY_ID
from tests.deploy import command
from tests.deploy.command import NEWER, PACKAGE, SWAPPED


def run(
    address: str, *arguments: str, key: AccessKey = DEMO_KEY, typed: str | None = None
) -> "subprocess.CompletedProcess[str]":
    environment = {
        **role_environment(DEMO_KEY_ID, key),
        "PATH": os.environ["PATH"],
        "CLOUD_ENDPOINT": address,
    }
    return command.run(environment, *arguments, typed=typed)


def deploy(address: str, *arguments: str, package: str = PACKAGE) -> "subprocess.CompletedProcess[str]":
    given = ("--stack", "cams-qr", "--bucket", "packages", "--package", package, "--no-doctor", "--no-verify")
    return run(address, "deploy", *given, *arguments)


def given(folder: Path, parameters: dict[str, Any]) -> tuple[str, str]:
    file = folder / "parameters.json"
    file.write_text(json.dumps(parameters))
    return ("--parameters", str(file))


def test_a_stack_is_created_changed_and_removed(address: str, cloud: Cloud, tmp_path: Path) -> None:
    created = deploy(address)
    assert created.returncode == 0, created.stderr
    assert "  Add     Function" in created.stdout
    assert "  CREATE_COMPLETE     HttpTrigger" in created.stdout
    assert "cams-qr: CREATE_COMPLETE\n  Url: a value of Url" in created.stdout

    again = deploy(address)
    assert (again.returncode, again.stderr) == (0, "")
    assert "Nothing changes." in again.stdout
    assert "UpdateStack" not in cloud.operations

    parameters = {"MaxInstances": 3, "RedisUrl": "redis://:secret@r-1.redis.rds.aliyuncs.com:6379"}
    changed = deploy(address, *given(tmp_path, parameters))
    assert changed.returncode == 0
    assert "  Modify  Function" in changed.stdout
    assert "Modify  LogStore" not in changed.stdout
    assert "secret" not in changed.stdout + changed.stderr
    (stack,) = cloud.stacks.values()
    assert stack.parameters["MaxInstances"] == "3"

    removed = run(address, "remove", "--stack", "cams-qr", "--yes")
    assert (removed.returncode, "cams-qr: DELETE_COMPLETE" in removed.stdout) == (0, True)
    assert "There is no stack" in run(address, "remove", "--stack", "cams-qr").stdout

    statements = json.loads(Path("deploy/policy.json").read_text())["Statement"]
    allowed = {action for statement in statements for action in statement["Action"]}
    assert {f"ros:{operation}" for operation in cloud.operations} == {a for a in allowed if a.startswith("ros:")}
    assert not [action for action in allowed if "*" in action]


def test_a_package_is_gone_back_to(address: str, cloud: Cloud, tmp_path: Path) -> None:
    deploy(address, *given(tmp_path, {"MaxInstances": 3}), package=NEWER)
    (stack,) = cloud.stacks.values()
    assert stack.parameters["Runtime"] == "python3.12"
    rolled_back = deploy(address)
    assert "  Modify  Function" in rolled_back.stdout
    assert stack.parameters["CodeObject"] == PACKAGE
    assert stack.parameters["CodeChecksum"] == "388621963080134800", "of b'zip', by xz's CRC-64"
    assert stack.parameters["Runtime"] == "python3.10", "of the package gone back to"
    assert stack.parameters["MaxInstances"] == "3"


@pytest.mark.parametrize("pattern", ["cams-*", "*"])
def test_a_name_is_no_pattern(address: str, cloud: Cloud, pattern: str) -> None:
    assert deploy(address).returncode == 0
    removed = run(address, "remove", "--stack", pattern, "--yes")
    assert (removed.returncode, removed.stdout) == (0, f"There is no stack {pattern} in ap-southeast-1.\n")
    assert "DeleteStack" not in cloud.operations


def test_a_failure_names_the_resource_and_why(address: str) -> None:
    failed = deploy(address, package=SWAPPED)
    assert failed.returncode == 1
    assert "  CREATE_FAILED       Function: InvalidArgument: the code's checksum is another" in failed.stdout
    assert "cams-qr: CREATE_ROLLBACK_COMPLETE" in failed.stdout


def test_after_a_first_deployment_that_failed_the_next_one_works(address: str, cloud: Cloud) -> None:
    deploy(address, package=SWAPPED)
    fixed = deploy(address)
    assert fixed.returncode == 0, fixed.stderr
    assert "cams-qr never came up (CREATE_ROLLBACK_COMPLETE), so it is removed first." in fixed.stdout
    assert "cams-qr: CREATE_COMPLETE" in fixed.stdout
    assert [stack.status for stack in cloud.stacks.values()] == ["DELETE_COMPLETE", "CREATE_COMPLETE"]


def test_after_an_update_that_failed_all_is_as_before(address: str, cloud: Cloud) -> None:
    deploy(address)
    failed = deploy(address, package=SWAPPED)
    assert (failed.returncode, "cams-qr: ROLLBACK_COMPLETE" in failed.stdout) == (1, True)
    again = deploy(address)
    assert (again.returncode, "Nothing changes." in again.stdout, "  Url: " in again.stdout) == (0, True, True)
    fixed = deploy(address, package=NEWER)
    assert (fixed.returncode, "cams-qr: UPDATE_COMPLETE" in fixed.stdout) == (0, True)


@pytest.mark.thorough
def test_what_passes_does_not_end_the_progress(address: str, cloud: Cloud) -> None:
    cloud.outages = 3
    assert deploy(address).returncode == 0
    assert deploy("http://127.0.0.1:9").stderr.startswith("Failed: ")


@pytest.mark.thorough
def test_an_operation_that_begins_late_is_followed_to_its_end(address: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.begins_late = 2
    failed = deploy(address, package=SWAPPED)
    assert (failed.returncode, "cams-qr: CREATE_ROLLBACK_COMPLETE" in failed.stdout) == (1, True)
    created = deploy(address)
    assert (created.returncode, created.stderr) == (0, "")
    assert "cams-qr: DELETE_COMPLETE" in created.stdout, "of the one that failed"
    assert "cams-qr: CREATE_COMPLETE" in created.stdout

    updated = deploy(address, *given(tmp_path, {"MaxInstances": 2}))
    assert updated.returncode == 0
    assert updated.stdout.index("  UPDATE_COMPLETE     Function") < updated.stdout.index("cams-qr: UPDATE_COMPLETE")
    assert "cams-qr: CREATE_COMPLETE" not in updated.stdout
    rolled_back = deploy(address, package=SWAPPED)
    assert (rolled_back.returncode, "cams-qr: ROLLBACK_COMPLETE" in rolled_back.stdout) == (1, True)

    removed = run(address, "remove", "--stack", "cams-qr", "--yes")
    assert (removed.returncode, "cams-qr: DELETE_COMPLETE" in removed.stdout) == (0, True)


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_an_operation_that_never_begins_is_given_up(address: str, cloud: Cloud) -> None:
    assert deploy(address).returncode == 0
    cloud.begins_late = 1000
    removed = run(address, "remove", "--stack", "cams-qr", "--yes")
    assert (removed.returncode, "cams-qr: CREATE_COMPLETE" in removed.stdout) == (1, True)


def test_a_refusal_is_told(address: str, cloud: Cloud, tmp_path: Path) -> None:
    refused = deploy(address, *given(tmp_path, {"LogLevels": "INFO"}))
    assert refused.returncode == 1
    assert "Refused:" in refused.stderr
    assert "LogLevels" in refused.stderr
    wrong = run(address, "remove", "--stack", "cams-qr", key=AccessKey(secret="wrong", token=DEMO_KEY.token))
    assert (wrong.returncode, "SignatureDoesNotMatch" in wrong.stderr) == (1, True)
    assert cloud.stacks == {}


GATEWAY = {"GatewayId": "gw-1", "GatewayEnvironmentId": "gw-1", "GatewayDomainId": "d-1"}


def test_a_route_is_published_when_it_is_made_and_when_it_has_changed(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    created = deploy(address, *given(tmp_path, GATEWAY))
    assert (created.returncode, created.stderr) == (0, "")
    assert "publishing" not in created.stdout, "ROS has done it"
    assert cloud.account.route == "Deployed"

    changed = deploy(address, *given(tmp_path, {"GatewayPath": "/shop/qr-codes"}))
    assert (changed.returncode, changed.stderr) == (0, "")
    assert "  Modify  GatewayRoute" in changed.stdout
    assert "The gateway's route is DeployedWithChanges; publishing it.\n  published\n" in changed.stdout
    assert cloud.account.published == ["a value of GatewayRouteId"]

    assert "publishing" not in deploy(address, *given(tmp_path, {"MaxInstances": "3"})).stdout
    assert len(cloud.account.published) == 1


@pytest.mark.thorough
def test_a_route_that_could_not_be_published_is_so_by_the_next_deployment(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    deploy(address, *given(tmp_path, GATEWAY))
    cloud.account.denied.add("apig:DeployHttpApi")
    refused = deploy(address, *given(tmp_path, {"GatewayPath": "/shop/qr-codes"}))
    assert refused.returncode == 1
    assert "cams-qr: UPDATE_COMPLETE" in refused.stdout
    assert refused.stdout.endswith("The gateway's route is DeployedWithChanges; publishing it.\n")
    assert refused.stderr.startswith("The gateway's route is not published: ")
    assert "apig:DeployHttpApi" in refused.stderr
    cloud.account.denied.clear()
    again = deploy(address)
    assert (again.returncode, "Nothing changes." in again.stdout) == (0, True)
    assert again.stdout.endswith("publishing it.\n  published\n")


def test_a_route_that_is_being_published_is_waited_for(address: str, cloud: Cloud, tmp_path: Path) -> None:
    deploy(address, *given(tmp_path, GATEWAY))
    cloud.account.route = "Deploying"
    waited = deploy(address)
    assert (waited.returncode, waited.stdout.endswith("The gateway's route is Deploying.\n  published\n")) == (0, True)
    assert cloud.account.published == []


def test_whatever_becomes_of_the_route_what_was_deployed_is_looked_at(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    assert deploy(address, *given(tmp_path, GATEWAY)).returncode == 0
    cloud.account.denied.add("apig:GetHttpApiRoute")
    told = run(
        address,
        *("deploy", "--stack", "cams-qr", "--bucket", "packages", "--package", PACKAGE, "--no-doctor"),
        *("--report", str(tmp_path), "--log-seconds", "1"),
    )
    assert told.returncode == 1
    assert told.stderr.startswith("The gateway's route is not published: ")
    assert "Traceback" not in told.stderr
    assert "? gateway " in told.stdout, "in the table of make verify"
    assert (tmp_path / "verify-cams-qr.json").exists()


def test_an_answer_about_the_route_that_is_none(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (path for path in PATHS if "/routes/" in path)
    monkeypatch.setitem(PATHS, path, (PATHS[path][0], lambda account, name, body: {"code": "Ok"}))
    told = deploy(address, *given(tmp_path, GATEWAY))
    assert (told.returncode, told.stderr) == (
        1,
        "The gateway's route is not published: the answer has no 'data'\n",
    )


def test_without_a_gateway_none_is_asked(address: str, cloud: Cloud) -> None:
    cloud.account.denied |= {"apig:GetHttpApiRoute", "apig:DeployHttpApi"}
    assert deploy(address).returncode == 0


def test_parameters_that_contradict_are_refused_without_the_doctor_too(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    refused = deploy(address, *given(tmp_path, {"VpcId": "vpc-1"}))
    assert (refused.returncode, "VpcId needs VSwitchId too." in refused.stderr) == (1, True)
    assert cloud.stacks == {}


# pip alone takes a third of a minute.
@pytest.mark.timeout(180)
@pytest.mark.thorough
def test_a_package_is_built_and_uploaded(address: str, cloud: Cloud) -> None:
    version = "python{}.{}".format(*sys.version_info)
    if version not in ("python3.10", "python3.12"):
        pytest.skip("no runtime of Function Compute")
    # The default region does not offer every runtime, which the doctor would say.
    options = ("--runtime", version, "--no-doctor", "--no-verify")
    assert run(address, "deploy", "--stack", "cams-qr", "--bucket", "packages", *options).returncode == 0
    (stack,) = cloud.stacks.values()
    assert stack.parameters["Runtime"] == version
    assert zipfile.is_zipfile(io.BytesIO(cloud.objects[f"packages/{stack.parameters['CodeObject']}"]))


@pytest.mark.parametrize("name", ["function.zip", "cams-qr/python3.10-1.0.0-0123.zip"])
def test_a_package_that_is_none(address: str, name: str) -> None:
    refused = deploy(address, package=name)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"{name}: is not a package name, like cams-qr/python3.10-VERSION-SHA256.zip\n",
    )


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({}, "Refused: operation error GetObject"),
        ({f"packages/{PACKAGE}": b"another's"}, f"Refused: packages/{PACKAGE} is not the package of that name"),
    ],
    ids=["missing", "another"],
)
def test_a_package_that_is_not_what_its_name_says(
    address: str, cloud: Cloud, held: dict[str, bytes], told: str
) -> None:
    cloud.objects = held
    refused = deploy(address)
    assert (refused.returncode, refused.stderr.startswith(told)) == (1, True), refused.stderr
    assert cloud.stacks == {}


@pytest.mark.parametrize(
    ("operation", "part"), [("PreviewStack", "Stack"), ("CreateStack", "StackId"), ("GetStack", "Status")]
)
def test_an_answer_of_ros_that_is_none(address: str, cloud: Cloud, operation: str, part: str) -> None:
    cloud.silent.add(operation)
    assert deploy(address).stderr == f"Failed: ROS's answer has no {part}.\n"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_parameters_that_are_none(address: str, tmp_path: Path, text: str) -> None:
    parameters = tmp_path / "parameters.json"
    parameters.write_text(text)
    refused = deploy(address, "--parameters", str(parameters))
    assert refused.returncode == 1
    assert str(parameters) in refused.stderr


@pytest.mark.parametrize("hides_objects", [False, True])
def test_the_package_is_sent_once(address: str, cloud: Cloud, tmp_path: Path, hides_objects: bool) -> None:
    import alibabacloud_oss_v2 as oss

    from deploy.bucket import Changed, runtime_of, upload

    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(
        DEMO_KEY_ID, DEMO_KEY.secret, DEMO_KEY.token
    )
    config.region, config.endpoint = "ap-southeast-1", address
    cloud.hides_objects = hides_objects
    file = tmp_path / "function.zip"
    file.write_bytes(b"123456789")
    name, checksum = upload(oss.Client(config), "packages", file, "python3.12")
    assert checksum == "11051210869376104954", "the catalogue's check value of CRC-64/XZ"
    assert runtime_of(name) == "python3.12"
    assert name.startswith(f"cams-qr/python3.12-{__version__}-")
    assert cloud.objects[f"packages/{name}"] == b"123456789"
    assert upload(oss.Client(config), "packages", file, "python3.12") == (name, checksum)
    assert cloud.sent == [f"packages/{name}"]
    cloud.objects[f"packages/{name}"] = b"another's"
    with pytest.raises(Changed, match="is not the package of that name"):
        upload(oss.Client(config), "packages", file, "python3.12")
