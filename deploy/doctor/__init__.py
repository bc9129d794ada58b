"""`make doctor` checks the account for what a deployment needs, with the deployer's rights; changes nothing."""

from collections.abc import Iterator, Mapping, Sequence

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

from deploy.account import Account
from deploy.doctor.bucket import bucket
from deploy.doctor.caller import caller, nobody, region, runtime, who
from deploy.doctor.cams import cams
from deploy.doctor.check import (
    NETWORK,
    Check,
    Identity,
    Planned,
    Refusal,
    code_of,
    is_forbidden,
    is_not_activated,
    not_permitted,
)
from deploy.doctor.references import gateway, security_group, vpc, vswitch
from deploy.doctor.rights import rights
from deploy.doctor.services import concurrency, function_compute, function_compute_role, gateway_role, logs, queue_roles
from deploy.doctor.template import template_rights
from deploy.parameters import contradictions, first_of, fixed, misfits, refused_settings, too_long, with_defaults
from deploy.sls import SlsUnreachable
from deploy.table import Finding, fine, unknown, wrong

_PARAMETERS = "parameters"
_UNREADABLE = (KeyError, IndexError, TypeError, ValueError)

# (the row's name, the check, the right that it needs)
CHECKS: tuple[tuple[str, Check, str], ...] = (
    ("caller", caller, ""),
    ("region", region, ""),
    ("runtime", runtime, ""),
    ("bucket", bucket, "oss:PutObject"),
    ("Function Compute", function_compute, "fc:GetFunction"),
    ("its role", function_compute_role, "ram:GetRole"),
    ("EventBridge's roles", queue_roles, "ram:GetRole"),
    ("Simple Log Service", logs, "log:GetSlsService"),
    ("CAMS", cams, "cams:ListPhoneMessageQrdl"),
    ("concurrency", concurrency, "fc:ListConcurrencyConfigs"),
    ("VPC", vpc, "vpc:DescribeVpcs"),
    ("vSwitch", vswitch, "vpc:DescribeVSwitches"),
    ("security group", security_group, "ecs:DescribeSecurityGroups"),
    ("gateway", gateway, "apig:GetGateway"),
    ("gateway's role", gateway_role, "ram:GetRole"),
    ("rights", rights, "ram:ListPoliciesForUser, ram:ListGroupsForUser and ram:GetPolicy"),
    ("rights, by ROS", template_rights, "ros:GenerateTemplatePolicy"),
)


def examine(
    account: Account,
    bucket: str,
    runtime: str,
    kept: Mapping[str, str],
    given: Mapping[str, str],
    number: str = "",
) -> Iterator[Finding]:
    """Yield a row for every check; `parameters` are those of the planned deployment.

    `number` is one of the account's phone numbers, or empty.
    """
    parameters = {**kept, **given}
    # What is kept was looked at when it was given, and secrets of it are not told.
    wrongs = misfits(given) or contradictions(parameters) or refused_settings(parameters) or fixed(kept, given)
    identity = _who(account)
    if isinstance(identity, Finding):
        yield from (*_parameters(wrongs), identity)
        return
    yield from _parameters(wrongs or too_long(parameters, identity.account_id, account.region))
    known = with_defaults(parameters)
    number = number or first_of(known["AllowedPhoneNumbers"])
    planned = Planned(account, identity, bucket, runtime, known, number)
    for what, check, right in CHECKS:
        found = _examined(planned, what, check, right)
        if found:
            yield found


def _who(account: Account) -> Identity | Finding:
    """The caller, or the row that says why it is not known."""
    try:
        return who(account)
    except AlibabaCloudException as error:
        return nobody(error)
    except (UnretryableException, CredentialException) as error:
        return _no_answer("caller", error)
    except _UNREADABLE as error:
        return _mismatch("caller", error)


def _parameters(wrongs: Sequence[str]) -> Iterator[Finding]:
    yield from (wrong(_PARAMETERS, sentence, "make deploy … PARAMETERS=…   # corrected") for sentence in wrongs)
    if not wrongs:
        yield fine(_PARAMETERS, "no contradictions")


def _examined(planned: Planned, what: str, check: Check, right: str) -> Finding | None:
    try:
        return check(planned)
    except Refusal as error:
        if is_not_activated(error):
            return unknown(what, "unknown until Function Compute is activated")
        if is_forbidden(error):
            return not_permitted(planned, what, right)
        return unknown(what, f"the service answered {code_of(error)}")
    except (UnretryableException, oss.exceptions.RequestError, SlsUnreachable) as error:
        return _no_answer(what, error)
    except _UNREADABLE as error:
        return _mismatch(what, error)


def _mismatch(what: str, error: Exception) -> Finding:
    return unknown(what, f"the service's answer does not match its reference ({type(error).__name__})")


def _no_answer(what: str, error: Exception) -> Finding:
    cause = getattr(error, "inner_exception", None) or error
    if isinstance(cause, CredentialException):
        return wrong(
            what, "no credentials were found", "aliyun configure   # or ALIBABA_CLOUD_ACCESS_KEY_ID and …_SECRET"
        )
    reason = type(cause).__name__
    return wrong(what, f"the service could not be reached ({reason})", NETWORK)
