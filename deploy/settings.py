"""What only Function Compute's own API can change: the maximum of instances, asynchronous settings, leaving the VPC.

ROS has resources for the first two, but can change no property of theirs. A function that it updates without a
VpcConfig stays in its VPC, because UpdateFunction leaves alone what it is not given; empty IDs take it out.

Sources: ALIYUN::FC3::ConcurrencyConfig and ALIYUN::FC3::AsyncInvokeConfig (ROS, "Editable": No throughout);
PutConcurrencyConfig, PutAsyncInvokeConfig, UpdateFunction (FC, 2023-03-30); devsapp/fc3, whose deployments send empty
IDs (`FC_RESOURCES_EMPTY_CONFIG`); aliyun/terraform-provider-alicloud for the codes of what was never set.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

from deploy.account import Account
from deploy.doctor.check import code_of
from deploy.parameters import with_defaults
from deploy.retries import patiently

_NEVER_SET = ("OnDemandConfigNotFound", "AsyncConfigNotExists")
_RETRIES = 3
_MAX_AGE_SECONDS = 3600


class Setting(NamedTuple):
    """One setting: its name, the operations that read and write it, their path, and what it has to be."""

    name: str
    read: str
    write: str
    path: str
    wanted: Mapping[str, Any]

    def found(self, account: Account) -> dict[str, Any]:
        """What is set now; empty if nothing is. Raises the SDK's AlibabaCloudException."""
        try:
            return patiently(lambda: account.get("fc", self.read, self.path))
        except AlibabaCloudException as error:
            if code_of(error) in _NEVER_SET:
                return {}
            raise

    def body(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The request that sets it. A destination for successes, which the template does not know, is kept."""
        body = dict(self.wanted)
        if "destinationConfig" in body:
            destinations = (found.get("destinationConfig") or {}) | body["destinationConfig"]
            body["destinationConfig"] = {
                when: where for when, where in destinations.items() if where and where.get("destination")
            }
        return body

    def command(self, found: Mapping[str, Any], region: str) -> str:
        """The command line that sets it."""
        words = ("aliyun", "fc", "PUT", self.path, "--body", json.dumps(self.body(found)), "--region", region)
        return shlex.join(words)


def concurrency(parameters: Mapping[str, str]) -> Setting:
    """The maximum of instances: the function divides its quota by it."""
    path = f"{_function(parameters)}/concurrency"
    wanted = {"reservedConcurrency": int(float(with_defaults(parameters)["MaxInstances"]))}
    return Setting("concurrency", "GetConcurrencyConfig", "PutConcurrencyConfig", path, wanted)


def asynchronous(parameters: Mapping[str, str]) -> Setting:
    """How often and how long asynchronous invocations are retried, and where they go if they fail for good."""
    path = f"{_function(parameters)}/async-invoke-config"
    wanted = {
        "maxAsyncRetryAttempts": _RETRIES,
        "maxAsyncEventAgeInSeconds": _MAX_AGE_SECONDS,
        "destinationConfig": {"onFailure": {"destination": with_defaults(parameters)["FailureDestination"]}},
    }
    return Setting("async settings", "GetAsyncInvokeConfig", "PutAsyncInvokeConfig", path, wanted)


def vpc(parameters: Mapping[str, str]) -> Setting:
    """The VPC, which ROS sets and changes, but does not take away."""
    known = with_defaults(parameters)
    vpc = {"vpcId": "", "vSwitchIds": [], "securityGroupId": ""}
    if known["VpcId"]:
        vpc = {
            "vpcId": known["VpcId"],
            "vSwitchIds": [known["VSwitchId"]],
            "securityGroupId": known["SecurityGroupId"],
        }
    return Setting("VPC", "GetFunction", "UpdateFunction", _function(parameters), {"vpcConfig": vpc})


def lower_concurrency(account: Account, parameters: Mapping[str, str]) -> None:
    """Before an update: a lower maximum must apply before the function assumes it. Raises AlibabaCloudException."""
    setting = concurrency(parameters)
    try:
        found = setting.found(account)
    except AlibabaCloudException as error:
        if code_of(error) == "FunctionNotFound":
            return
        raise
    current = found.get("reservedConcurrency")
    if current is None or current > setting.wanted["reservedConcurrency"]:
        _set(account, setting, found)


def tell_lowered(account: Account, planned: Mapping[str, str], kept: Mapping[str, str]) -> None:
    """After an update that failed: if the maximum was lowered for it, say so, and how to set it back."""
    low, former = concurrency(planned), concurrency(kept)
    maximum = low.wanted["reservedConcurrency"]
    if maximum < former.wanted["reservedConcurrency"]:
        back = former.command({}, account.region)
        print(f"The maximum of instances stays at {maximum} until the next deployment; to set it back: {back}")


def apply(account: Account, parameters: Mapping[str, str]) -> bool:
    """After an update: set what is not as it should be, and say so, or what prevents it; returns success."""
    is_done = True
    for setting in (concurrency(parameters), asynchronous(parameters), vpc(parameters)):
        found: dict[str, Any] = {}
        try:
            found = setting.found(account)
            if differs(setting.wanted, found):
                _set(account, setting, found)
        except (AlibabaCloudException, UnretryableException) as error:
            print(f"The function's {setting.name} could not be set: {error}", file=sys.stderr)
            print(f"  To set it by hand: {setting.command(found, account.region)}", file=sys.stderr)
            is_done = False
    return is_done


def differs(wanted: Any, found: Any) -> bool:
    """Whether a part of what is wanted is not found; what is empty may as well be missing."""
    if isinstance(wanted, Mapping):
        return any(differs(part, (found or {}).get(name)) for name, part in wanted.items())
    return (wanted or None) != (found or None)


def _set(account: Account, setting: Setting, found: Mapping[str, Any]) -> None:
    body = setting.body(found)
    print(f"Setting the function's {setting.name}: {json.dumps(body)}", flush=True)
    patiently(lambda: account.put("fc", setting.write, setting.path, body))


def _function(parameters: Mapping[str, str]) -> str:
    return f"/2023-03-30/functions/{with_defaults(parameters)['FunctionName']}"
