"""The stand-in cloud decides about a caller's rights as "Policy evaluation process" (RAM) says."""

from typing import Any

import pytest

from local.cloud.account import Account
from local.cloud.operations import OPERATIONS
from local.cloud.rest import PATHS
from local.cloud.rights import RESOURCES, lacking
from local.cloud.sls import RIGHTS

FUNCTION = "acs:fc:ap-southeast-1:1234567890123456:functions/cams-qr"


def statement(**parts: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "fc:*", "Resource": "*", **parts}


@pytest.mark.parametrize(
    ("statements", "lacked"),
    [
        ([], FUNCTION),
        ([statement()], ""),
        ([statement(Action=["FC:updatefunction"])], ""),
        ([statement(Action="fc:Update")], FUNCTION),
        ([statement(Resource=["acs:fc:*:*:functions/cams-*"])], ""),
        ([statement(Resource="acs:fc:*:*:functions/cams-qr/*")], FUNCTION),
        ([statement(Resource="acs:fc:cn-hangzhou:*:*")], FUNCTION),
        ([statement(), statement(Effect="Deny", Action="fc:UpdateFunction")], FUNCTION),
        ([statement(), statement(Effect="Deny", Resource="acs:fc:*:*:functions/other")], ""),
        ([{"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"}], ""),
        ([{"Effect": "Allow", "NotAction": "fc:*", "Resource": "*"}], FUNCTION),
        ([statement(Condition={"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}})], FUNCTION),
    ],
)
def test_what_statements_allow(statements: list[dict[str, Any]], lacked: str) -> None:
    account = Account(policies={"own": {"Version": "1", "Statement": statements}})
    assert lacking(account, "fc:UpdateFunction", function="cams-qr") == lacked
    account = Account(policies={}, group_policies={"own": {"Version": "1", "Statement": statements}})
    assert lacking(account, "fc:UpdateFunction", function="cams-qr") == lacked


def test_the_account_itself_may_do_everything() -> None:
    assert lacking(Account(policies={}, identity_type="Account"), "ram:CreateRole") == ""


def test_a_control_policy_binds_everybody() -> None:
    assert lacking(Account(denied={"ram:CreateRole"}), "ram:CreateRole") != ""


def test_attaching_a_policy_takes_the_right_on_the_role_and_on_the_policy() -> None:
    only_role = statement(Action="ram:*", Resource="acs:ram:*:*:role/*")
    account = Account(policies={"own": {"Version": "1", "Statement": [only_role]}})
    assert lacking(account, "ram:AttachPolicyToRole", policy="p") == "acs:ram::1234567890123456:policy/p"


def test_every_operation_of_the_stand_in_is_on_something_that_is_known() -> None:
    actions = {action for action, _ in (*OPERATIONS.values(), *PATHS.values()) if action}
    assert actions | {action for actions in RIGHTS.values() for action in actions} <= set(RESOURCES)
