"""The rights in deploy/policy.json and deploy/policy-checks.json are enough for every command, and none is for nothing.

The stand-in cloud allows what the caller's policies allow, and ROS only what its caller may do.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from local.cloud.rights import RESOURCES, TYPES
from testing.template import EVERYTHING, REQUIRED, TEMPLATE
from tests.conftest import NUMBER, further
from tests.deploy.command import PACKAGE
from tests.deploy.test_deploy import given, run
from tests.deploy.test_updates import BASE, UPDATES
from tests.deploy.test_verify import Deployed, deployed

__all__ = ["deployed"]

STACK = ("--stack", "cams-qr")
REMOVE = ("remove", *STACK, "--yes")
DEPLOY = ("deploy", *STACK, "--bucket", "packages", "--package", PACKAGE, "--no-doctor", "--no-verify")
OPTIONAL = {name: value for name, value in EVERYTHING.items() if name not in REQUIRED}


BOTH = ("policy", "policy-checks")


def ours(function: str = "cams-qr", without: str = "", names: tuple[str, ...] = BOTH) -> dict[str, Any]:
    """The policies as they are granted, by name."""
    policies = {name: json.loads(granted(name, function)) for name in names}
    for policy in policies.values():
        for statement in policy["Statement"]:
            statement["Action"] = [action for action in statement["Action"] if action != without]
    return policies


def granted(name: str, function: str) -> str:
    text = Path(f"deploy/{name}.json").read_text()
    return text.replace("BUCKET", "packages").replace("FUNCTION_NAME", function)


@pytest.fixture
def cloud() -> Cloud:
    cloud = Cloud(objects={f"packages/{PACKAGE}": b"zip"})
    cloud.account.policies = ours()
    return cloud


def test_they_are_enough_to_check_deploy_change_and_remove_everything(
    address: str, cloud: Cloud, tmp_path: Path
) -> None:
    """All but the checks needs deploy/policy.json alone."""
    checked = run(address, "doctor", "--bucket", "packages", *given(tmp_path, OPTIONAL))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert [line for line in checked.stdout.splitlines() if line.startswith(("✗", "?"))] == []

    cloud.account.policies = ours(names=("policy",))
    created = run(address, *DEPLOY, *given(tmp_path, OPTIONAL))
    assert (created.returncode, created.stderr) == (0, ""), created.stdout
    assert "cams-qr: CREATE_COMPLETE" in created.stdout
    (stack,) = cloud.stacks.values()
    assert {event["LogicalResourceId"] for event in stack.events} >= set(TEMPLATE["Resources"])

    changed = run(address, *DEPLOY, *given(tmp_path, OPTIONAL | {"LogDays": 60, "LogLevel": "DEBUG"}))
    assert (changed.returncode, changed.stderr) == (0, ""), changed.stdout
    assert "cams-qr: UPDATE_COMPLETE" in changed.stdout

    removed = run(address, *REMOVE)
    assert (removed.returncode, removed.stderr) == (0, ""), removed.stdout
    assert "cams-qr: DELETE_COMPLETE" in removed.stdout


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_they_are_enough_to_change_every_parameter_alone(address: str, cloud: Cloud, tmp_path: Path) -> None:
    cloud.account.policies = ours(names=("policy",))
    base = {name: value for name, value in BASE.items() if name not in REQUIRED}
    for name, old, new, refused in UPDATES:
        # `make deploy` sets these itself, for the package that it has uploaded.
        if name in ("CodeBucket", "CodeObject", "CodeChecksum", "Runtime"):
            continue
        before = run(address, *DEPLOY, *given(tmp_path, base | {name: old}))
        assert before.returncode == 0, (name, before.stdout, before.stderr)
        after = run(address, *DEPLOY, *given(tmp_path, {name: new}))
        assert after.returncode == bool(refused), (name, after.stdout, after.stderr)
        assert ("cannot be changed in place" in after.stdout) == bool(refused)
        assert run(address, *REMOVE).returncode == 0


def test_they_are_enough_to_verify(deployed: Deployed) -> None:
    deployed.cloud.account.policies = ours()
    told = deployed.verify("--number", NUMBER)
    assert (told.code, set(told.rows())) == (0, {"✓"}), told.text


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("fc:CreateFunction", "Function"),
        ("ram:PassRole", "Function"),
        ("apig:DeployHttpApi", "GatewayPublication"),
        *further(
            ("fc:GetFunction", "Function"),
            ("ram:AttachPolicyToRole", "Role"),
            ("fc:CreateTrigger", "HttpTrigger"),
            ("fc:CreateCustomDomain", "Domain"),
            ("log:CreateProject", "LogProject"),
            ("log:CreateIndex", "LogIndex"),
            ("log:CreateJob", "FailingAlert"),
            ("apig:CreateHttpApi", "GatewayApi"),
        ),
    ],
)
def test_a_stack_for_which_one_is_missing_is_rolled_back(
    address: str, cloud: Cloud, tmp_path: Path, action: str, resource: str
) -> None:
    cloud.account.policies = ours(without=action)
    refused = run(address, *DEPLOY, *given(tmp_path, OPTIONAL))
    assert refused.returncode == 1
    assert f"CREATE_FAILED       {resource}: Forbidden.RAM: the caller is not authorized to perform {action} on " in (
        refused.stdout
    )
    assert "cams-qr: CREATE_ROLLBACK_COMPLETE" in refused.stdout


def test_a_change_or_a_removal_for_which_one_is_missing_is_refused(address: str, cloud: Cloud, tmp_path: Path) -> None:
    assert run(address, *DEPLOY).returncode == 0
    cloud.account.policies = ours(without="fc:UpdateFunction")
    changed = run(address, *DEPLOY, *given(tmp_path, {"LogLevel": "DEBUG"}))
    assert (changed.returncode, "cams-qr: ROLLBACK_COMPLETE" in changed.stdout) == (1, True)
    assert "to perform fc:UpdateFunction on acs:fc:" in changed.stdout
    cloud.account.policies = ours(without="ram:DeleteRole")
    removed = run(address, *REMOVE)
    assert (removed.returncode, "cams-qr: DELETE_FAILED" in removed.stdout) == (1, True)
    assert "to perform ram:DeleteRole on acs:ram::" in removed.stdout


@pytest.mark.parametrize("action", ["ros:CreateStack", "ros:PreviewStack", "ros:GetStack"])
def test_an_operation_of_ros_that_is_missing_is_refused(address: str, cloud: Cloud, action: str) -> None:
    cloud.account.policies = ours(without=action)
    refused = run(address, *DEPLOY)
    assert refused.returncode == 1
    assert f"the caller is not authorized to perform {action} on " in refused.stderr


def test_names_of_the_asynchronous_settings_that_no_page_has(address: str, cloud: Cloud) -> None:
    misnamed = json.dumps(ours()).replace("FunctionAsyncInvokeConfig", "AsyncInvokeConfig")
    cloud.account.policies = json.loads(misnamed)
    refused = run(address, *DEPLOY)
    assert refused.returncode == 1
    assert "to perform 'fc:GetFunctionAsyncInvokeConfig' on " in refused.stderr


def test_they_reach_no_other_function(address: str, cloud: Cloud, tmp_path: Path) -> None:
    refused = run(address, *DEPLOY, *given(tmp_path, {"FunctionName": "other"}))
    assert (refused.returncode, "cams-qr: CREATE_ROLLBACK_COMPLETE" in refused.stdout) == (1, True)
    cloud.account.policies = ours("other")
    assert run(address, *DEPLOY, *given(tmp_path, {"FunctionName": "other"})).returncode == 0


def test_no_action_has_a_name_that_no_page_has() -> None:
    granted = {
        action for policy in ours().values() for statement in policy["Statement"] for action in statement["Action"]
    }
    assert granted <= set(RESOURCES)
    assert {action for changes in TYPES.values() for actions in changes.values() for action in actions} <= set(
        RESOURCES
    )


def test_a_package_that_may_not_be_read_is_not_deployed(address: str, cloud: Cloud) -> None:
    cloud.account.policies = ours(without="oss:GetObject")
    refused = run(address, *DEPLOY)
    assert (refused.returncode, cloud.stacks) == (1, {})
    assert "GetObject" in refused.stderr
    assert "Error Code: AccessDenied" in refused.stderr
