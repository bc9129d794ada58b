"""Publishes the route on the cloud-native API gateway, which serves a route as it was last published.

ROS publishes a route after creating it, and unpublishes it before deleting it (`GatewayPublication` in template.yml).
But when ROS changes a route, the published version stays as it was, so the route is published again here. ROS could
only replace the route instead, and its consumers would then have to be authorised again.

Sources: GetHttpApiRoute; DeployHttpApi ("routeId must be passed in"); ListHttpApiRoutes, which lists the states of a
route, DeployedWithChanges among them (APIG, 2024-03-27).
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

from deploy.account import Account

PUBLISHED = "Deployed"
_PUBLISHING = "Deploying"
CONSOLE = "https://apigw.console.alibabacloud.com/"
_SECONDS = 60.0
_POLL_SECONDS = 1.0


def route(account: Account, outputs: Mapping[str, str]) -> dict[str, Any]:
    """The stack's route, as the gateway describes it."""
    found: dict[str, Any] = account.get("apig", "GetHttpApiRoute", _path(outputs) + f"/routes/{_id(outputs)}")["data"]
    return found


def publish(account: Account, outputs: Mapping[str, str]) -> bool:
    """Publish the route unless its current state is published, and say so, or what prevents it.

    Waits at most a minute; returns success.
    """
    try:
        return _publish(account, outputs)
    except (AlibabaCloudException, UnretryableException) as error:
        reason = str(error)
    except KeyError as error:
        reason = f"the answer has no {error}"
    print(f"The gateway's route is not published: {reason}", file=sys.stderr)
    return False


def _publish(account: Account, outputs: Mapping[str, str]) -> bool:
    state = route(account, outputs)["deployStatus"]
    if state == PUBLISHED:
        return True
    if state == _PUBLISHING:
        print(f"The gateway's route is {state}.")
    else:
        print(f"The gateway's route is {state}; publishing it.", flush=True)
        account.post("apig", "DeployHttpApi", f"{_path(outputs)}/deploy", {"routeId": _id(outputs)})
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        state = route(account, outputs)["deployStatus"]
        if state == PUBLISHED:
            print("  published")
            return True
        time.sleep(_POLL_SECONDS)
    print(f"  It is still {state}; see {CONSOLE}")
    return False


def _path(outputs: Mapping[str, str]) -> str:
    return f"/v1/http-apis/{outputs['GatewayApiId']}"


def _id(outputs: Mapping[str, str]) -> str:
    return outputs["GatewayRouteId"]
