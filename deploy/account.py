"""The deployer's account: a client for every service that is checked, signed with the deployer's credentials.

alibabacloud-credentials finds the credentials of the aliyun command line or of the environment. CLOUD_ENDPOINT names a
stand-in for the whole cloud.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_fc20230330.client import Client as FcClient
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

_SECONDS = 20


class _Service(NamedTuple):
    version: str
    host: str


# The hosts are from the vendor's SDK for each service.
_SERVICES = {
    "ros": _Service("2019-09-10", "ros.aliyuncs.com"),
    "sts": _Service("2015-04-01", "sts.{region}.aliyuncs.com"),
    "ram": _Service("2015-05-01", "ram.aliyuncs.com"),
    "vpc": _Service("2016-04-28", "vpc.{region}.aliyuncs.com"),
    "ecs": _Service("2014-05-26", "ecs.{region}.aliyuncs.com"),
    "apig": _Service("2024-03-27", "apig.{region}.aliyuncs.com"),
    "fc": _Service("2023-03-30", "fcv3.{region}.aliyuncs.com"),
    # Only the previous version of the API lists the zones that Function Compute supports.
    "fc2": _Service("2021-04-06", "{account}.{region}.fc.aliyuncs.com"),
}
# Where those SDKs name another host, of the regions that Function Compute has.
_OTHER_HOSTS = {
    ("ecs", "cn-hangzhou"): "ecs-cn-hangzhou.aliyuncs.com",
    ("ecs", "cn-hangzhou-finance"): "ecs.aliyuncs.com",
    ("ecs", "cn-shanghai-finance-1"): "ecs-cn-hangzhou.aliyuncs.com",
    ("vpc", "cn-hangzhou"): "vpc.aliyuncs.com",
    ("vpc", "cn-hangzhou-finance"): "vpc.aliyuncs.com",
    ("vpc", "cn-shanghai-finance-1"): "vpc.aliyuncs.com",
    ("fc", "cn-hangzhou-finance"): "cn-hangzhou-finance.fc.aliyuncs.com",
    ("fc", "cn-heyuan-acdr-1"): "cn-heyuan-acdr-1.fc.aliyuncs.com",
    ("fc", "cn-shanghai-finance-1"): "cn-shanghai-finance-1.fc.aliyuncs.com",
    ("fc", "me-central-1"): "me-central-1.fc.aliyuncs.com",
}


@dataclass(frozen=True)
class Account:
    """The services of one region. Calls raise the SDK's AlibabaCloudException and UnretryableException."""

    region: str

    def rpc(
        self, service: str, operation: str, body: Mapping[str, str] | None = None, **parameters: str
    ) -> dict[str, Any]:
        """Call an operation of the RPC style, with parameters in the URL, and those of `body` as a form."""
        return self._call(service, operation, "RPC", "POST", "/", OpenApiRequest(query=parameters, body=body))

    def get(self, service: str, operation: str, path: str, account_id: str = "", **parameters: str) -> dict[str, Any]:
        """Call an operation by GET."""
        return self._call(service, operation, "ROA", "GET", path, OpenApiRequest(query=parameters), account_id)

    def post(self, service: str, operation: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an operation by POST, with a JSON body."""
        return self._call(service, operation, "ROA", "POST", path, OpenApiRequest(body=body))

    def put(self, service: str, operation: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an operation by PUT, with a JSON body."""
        return self._call(service, operation, "ROA", "PUT", path, OpenApiRequest(body=body))

    def fc(self) -> FcClient:
        """Function Compute's own SDK, for invocations."""
        return FcClient(_config(self.region, host("fc", self.region)))

    def oss(self) -> oss.Client:
        """OSS's own SDK; its calls raise oss.exceptions.OperationError."""
        config = oss.config.load_default()
        config.credentials_provider = _OssCredentials()
        config.region = self.region
        config.endpoint = os.environ.get("CLOUD_ENDPOINT")
        return oss.Client(config)

    def _call(
        self,
        service: str,
        operation: str,
        style: str,
        method: str,
        path: str,
        request: OpenApiRequest,
        account_id: str = "",
    ) -> dict[str, Any]:
        client = Client(_config(self.region, host(service, self.region, account_id)))
        params = Params(
            action=operation,
            version=_SERVICES[service].version,
            protocol=client._protocol,
            pathname=path,
            method=method,
            auth_type="AK",
            style=style,
            req_body_type="json" if style == "ROA" else "formData",
            body_type="json",
        )
        runtime = RuntimeOptions(connect_timeout=_SECONDS * 1000, read_timeout=_SECONDS * 1000)
        answer = client.call_api(params, request, runtime)
        body: dict[str, Any] = answer["body"]
        return body


def host(service: str, region: str, account_id: str = "") -> str:
    """The service's public host in the region."""
    usual = _SERVICES[service].host.format(region=region, account=account_id)
    return _OTHER_HOSTS.get((service, region), usual)


def stand_in() -> tuple[str, str] | None:
    """The stand-in's protocol and host, if CLOUD_ENDPOINT names one."""
    protocol, _, host = os.environ.get("CLOUD_ENDPOINT", "").rpartition("://")
    return (protocol or "https", host) if host else None


def _config(region: str, host: str) -> Config:
    protocol, host = stand_in() or ("https", host)
    return Config(credential=CredentialClient(), region_id=region, endpoint=host, protocol=protocol)


class _OssCredentials(oss.credentials.CredentialsProvider):  # type: ignore[misc]  # the library is not typed
    def get_credentials(self) -> Any:
        found = CredentialClient().get_credential()
        return oss.credentials.Credentials(found.access_key_id, found.access_key_secret, found.security_token)
