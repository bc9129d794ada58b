"""The paths of Function Compute and of the cloud-native API gateway that a deployment looks at.

Sources: GetFunction, ListConcurrencyConfigs and GetConcurrencyConfig (FC, 2023-03-30), GetAccountSettings (FC,
2021-04-06), GetGateway, ListHttpApis, ListHttpApiRoutes (APIG, 2024-03-27); "FC service is not enabled for current
user" as many have reported it.
"""

import re
from collections.abc import Callable
from typing import Any

from local.acs3 import Refused
from local.cloud.account import Account

Path = Callable[[Account, str], dict[str, Any]]


def _function(account: Account, name: str) -> dict[str, Any]:
    if name not in account.functions:
        raise Refused("FunctionNotFound", f"function '{name}' does not exist", 404)
    return {"functionName": name}


def _concurrency(account: Account, name: str) -> dict[str, Any]:
    if name not in account.reserved:
        raise Refused("ConcurrencyConfigNotFound", f"function '{name}' has no concurrency config", 404)
    return {"functionArn": _arn(account, name), "reservedConcurrency": account.reserved[name]}


def _concurrencies(account: Account, name: str) -> dict[str, Any]:
    configs = [{"functionArn": _arn(account, f), "reservedConcurrency": n} for f, n in account.reserved.items()]
    return {"configs": configs}


def _arn(account: Account, function: str) -> str:
    return f"acs:fc:{account.region}:1234567890123456:functions/{function}"


def _settings(account: Account, name: str) -> dict[str, Any]:
    return {"availableAZs": account.zones}


def _gateway(account: Account, name: str) -> dict[str, Any]:
    if name not in account.gateways:
        raise Refused("NotFound.GatewayNotFound", f"Gateway {name} is not found.", 404)
    return {"code": "Ok", "data": {"gatewayId": name, "status": account.gateways[name]}}


def _apis(account: Account, name: str) -> dict[str, Any]:
    apis = [{"name": "cams-qr", "type": "Http", "versionedHttpApis": [{"httpApiId": "api-1"}]}]
    return {"code": "Ok", "data": {"items": apis}}


def _routes(account: Account, name: str) -> dict[str, Any]:
    routes = [{"name": route, "deployStatus": status} for route, status in account.routes.items()]
    return {"code": "Ok", "data": {"items": routes}}


# Path -> (RAM action, answer).
PATHS: dict[str, tuple[str, Path]] = {
    r"/2023-03-30/functions/([^/]+)": ("fc:GetFunction", _function),
    r"/2023-03-30/functions/([^/]+)/concurrency": ("fc:GetConcurrencyConfig", _concurrency),
    r"/2023-03-30/concurrency-configs()": ("fc:ListConcurrencyConfigs", _concurrencies),
    r"/2021-04-06/account-settings()": ("fc:GetAccountSettings", _settings),
    r"/v1/gateways/([^/]+)": ("apig:GetGateway", _gateway),
    r"/v1/http-apis()": ("apig:ListHttpApis", _apis),
    r"/v1/http-apis/([^/]+)/routes": ("apig:ListHttpApiRoutes", _routes),
}


def get(account: Account, path: str) -> dict[str, Any]:
    """The answer to a GET of the path. Raises Refused."""
    for pattern, (action, answer) in PATHS.items():
        match = re.fullmatch(pattern, path)
        if match:
            _check(account, action)
            return answer(account, match[1])
    raise Refused("NotFound", f"there is nothing at {path}", 404)


def _check(account: Account, action: str) -> None:
    if action.startswith("fc:") and "fc" not in account.opened:
        raise Refused("AccessDenied", "FC service is not enabled for current user.", 403)
    if action in account.denied:
        code = "AccessDenied" if action.startswith("fc:") else "Forbidden.RAM"
        raise Refused(code, f"the caller is not authorized to perform '{action}' on resource 'acs:…'", 403)
