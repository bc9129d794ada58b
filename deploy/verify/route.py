"""The route on the cloud-native API gateway, where there is one: nothing is served before it is published.

Sources: ListHttpApis, ListHttpApiRoutes (APIG, 2024-03-27), whose `deployStatus` says how far a route has got.
"""

from collections.abc import Iterator

from deploy.table import fine, wrong
from deploy.verify.rows import Row, Target

_WHAT = "gateway route"


def route(target: Target) -> Iterator[Row]:
    """Each route of the function's API on that gateway is published."""
    gateway = target.parameters["GatewayId"]
    if not gateway:
        return
    states = dict(_states(target, gateway))
    behind = [f"{name} is {state}" for name, state in states.items() if state != "Deployed"]
    if states and not behind:
        yield fine(_WHAT, f"published: {', '.join(states)}")
        return
    yield wrong(
        _WHAT,
        f"serves nothing yet, or not the newest: {', '.join(behind) or 'there is none'}",
        "https://apigw.console.alibabacloud.com/   # publish the route there",
    )


def _states(target: Target, gateway: str) -> Iterator[tuple[str, str]]:
    found = target.account.get("apig", "ListHttpApis", "/v1/http-apis", name=target.function, gatewayId=gateway)
    for item in found["data"]["items"]:
        for api in item["versionedHttpApis"] if item["name"] == target.function else []:
            path = f"/v1/http-apis/{api['httpApiId']}/routes"
            routes = target.account.get("apig", "ListHttpApiRoutes", path, gatewayId=gateway)["data"]["items"]
            yield from ((route["name"], route["deployStatus"]) for route in routes)
