"""The REST operations of Function Compute and the cloud-native API gateway that a deployment calls.

Sources: GetFunction, UpdateFunction, ListConcurrencyConfigs, GetConcurrencyConfig, PutConcurrencyConfig,
GetAsyncInvokeConfig and PutAsyncInvokeConfig (FC, 2023-03-30; "items not specified remain unchanged"),
GetAccountSettings (FC, 2021-04-06), GetGateway, GetHttpApiRoute, DeployHttpApi (APIG, 2024-03-27).
OnDemandConfigNotFound and AsyncConfigNotExists are the codes that aliyun/terraform-provider-alicloud expects. "FC
service is not enabled for current user" is from users' reports.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.acs3 import Refused
from local.cloud import rights
from local.cloud.account import Account

Path = Callable[[Account, str, Any], dict[str, Any]]


def _function(account: Account, name: str, body: Any) -> dict[str, Any]:
    if name not in account.functions:
        raise Refused("FunctionNotFound", f"function '{name}' does not exist", 404)
    return account.functions[name]


def _update_function(account: Account, name: str, body: Any) -> dict[str, Any]:
    function = _function(account, name, body)
    function.update(body)
    return function


def _concurrency(account: Account, name: str, body: Any) -> dict[str, Any]:
    _function(account, name, body)
    if name not in account.reserved:
        raise Refused("OnDemandConfigNotFound", f"function '{name}' has no concurrency config", 404)
    return {"functionArn": _arn(account, name), "reservedConcurrency": account.reserved[name]}


def _put_concurrency(account: Account, name: str, body: Any) -> dict[str, Any]:
    _function(account, name, body)
    account.reserved[name] = body["reservedConcurrency"]
    return _concurrency(account, name, body)


def _asynchronous(account: Account, name: str, body: Any) -> dict[str, Any]:
    _function(account, name, body)
    if name not in account.asynchronous:
        raise Refused("AsyncConfigNotExists", f"function '{name}' has no async config", 404)
    return {"functionArn": _arn(account, name), **account.asynchronous[name]}


def _put_asynchronous(account: Account, name: str, body: Any) -> dict[str, Any]:
    _function(account, name, body)
    account.asynchronous[name] = account.asynchronous.get(name, {}) | body
    return _asynchronous(account, name, body)


def _concurrencies(account: Account, name: str, body: Any) -> dict[str, Any]:
    configs = [{"functionArn": _arn(account, f), "reservedConcurrency": n} for f, n in account.reserved.items()]
    start = int(body.get("nextToken", 0))
    end = start + int(body["limit"])
    return {"configs": configs[start:end], "nextToken": str(end) if end < len(configs) else ""}


def _arn(account: Account, function: str) -> str:
    return f"acs:fc:{account.region}:1234567890123456:functions/{function}"


def _settings(account: Account, name: str, body: Any) -> dict[str, Any]:
    return {"availableAZs": account.zones}


def _gateway(account: Account, name: str, body: Any) -> dict[str, Any]:
    if name not in account.gateways:
        raise Refused("NotFound.GatewayNotFound", f"Gateway {name} is not found.", 404)
    return {"code": "Ok", "data": {"gatewayId": name, "status": account.gateways[name]}}


def _route(account: Account, name: str, body: Any) -> dict[str, Any]:
    found = account.route
    if found == "Deploying":
        account.route = "Deployed"
    domains = [{"domainId": "d-1", "name": account.gateway_domain, "protocol": "HTTP"}]
    return {"code": "Ok", "data": {"name": "qr-codes", "deployStatus": found, "domainInfos": domains}}


def _publish(account: Account, name: str, body: Any) -> dict[str, Any]:
    account.route = "Deploying"
    account.published.append(body["routeId"])
    return {"code": "Ok"}


# Method and path -> (RAM action, answer).
PATHS: dict[str, tuple[str, Path]] = {
    r"GET /2023-03-30/functions/([^/]+)": ("fc:GetFunction", _function),
    r"PUT /2023-03-30/functions/([^/]+)": ("fc:UpdateFunction", _update_function),
    r"GET /2023-03-30/functions/([^/]+)/concurrency": ("fc:GetConcurrencyConfig", _concurrency),
    r"PUT /2023-03-30/functions/([^/]+)/concurrency": ("fc:PutConcurrencyConfig", _put_concurrency),
    r"GET /2023-03-30/functions/([^/]+)/async-invoke-config": ("fc:GetFunctionAsyncInvokeConfig", _asynchronous),
    r"PUT /2023-03-30/functions/([^/]+)/async-invoke-config": ("fc:PutFunctionAsyncInvokeConfig", _put_asynchronous),
    r"GET /2023-03-30/concurrency-configs()": ("fc:ListConcurrencyConfigs", _concurrencies),
    r"GET /2021-04-06/account-settings()": ("fc:GetAccountSettings", _settings),
    r"GET /v1/gateways/([^/]+)": ("apig:GetGateway", _gateway),
    r"GET /v1/http-apis/[^/]+/routes/([^/]+)": ("apig:GetHttpApiRoute", _route),
    r"POST /v1/http-apis/([^/]+)/deploy": ("apig:DeployHttpApi", _publish),
}


def answer(account: Account, method: str, path: str, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The answer to a request. Raises Refused."""
    for pattern, (action, found) in PATHS.items():
        match = re.fullmatch(pattern, f"{method} {path}")
        if match:
            check(account, action, match[1])
            return found(account, match[1], json.loads(body) if body else query)
    raise Refused("NotFound", f"there is nothing at {path}", 404)


def check(account: Account, action: str, name: str) -> None:
    """Raises Refused unless Function Compute is activated and the caller may do this to the function of that name."""
    if action.startswith("fc:") and "fc" not in account.activated:
        raise Refused("AccessDenied", "FC service is not enabled for current user.", 403)
    if lacked := rights.lacking(account, action, function=name):
        code = "AccessDenied" if action.startswith("fc:") else "Forbidden.RAM"
        raise Refused(code, f"the caller is not authorized to perform '{action}' on resource '{lacked}'", 403)
