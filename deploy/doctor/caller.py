"""Checks the caller, the region and the runtime."""

from alibabacloud_fc20230330.client import Client as FcClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config

from deploy.account import Account
from deploy.doctor.check import Identity, Planned, code_of
from deploy.table import Finding, fine, wrong

# Source: "Python runtimes" of Function Compute, June 2026.
_PYTHON312_REGIONS = {
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-7",
    "cn-beijing",
    "cn-chengdu",
    "cn-hangzhou",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-zhangjiakou",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-west-1",
}

_FIXES = {
    "InvalidAccessKeyId": "aliyun configure   # the access key does not exist or is disabled",
    "SignatureDoesNotMatch": "aliyun configure   # wrong secret for this key",
    "InvalidSecurityToken": "aliyun configure   # the temporary credentials have expired",
    "InvalidTimeStamp": "timedatectl set-ntp true   # this machine's clock is wrong",
}


def who(account: Account) -> Identity:
    """The caller's identity. Raises AlibabaCloudException if the credentials are refused."""
    found = account.rpc("sts", "GetCallerIdentity")
    arn = str(found["Arn"])
    return Identity(str(found["AccountId"]), str(found["IdentityType"]), arn.split("/")[1] if "/" in arn else "root")


def nobody(error: AlibabaCloudException) -> Finding:
    """The row for refused credentials, which make all other checks pointless."""
    code = code_of(error)
    fix = next((fix for prefix, fix in _FIXES.items() if code.startswith(prefix)), "aliyun configure")
    return wrong("caller", f"the credentials were refused: {code}", fix)


def caller(planned: Planned) -> Finding:
    """The row about the caller."""
    kinds = {"Account": "the account itself", "RAMUser": f"RAM user {planned.identity.name}"}
    name = kinds.get(planned.identity.kind, f"role {planned.identity.name}")
    return fine("caller", f"{name}, account {planned.identity.account_id}")


def region(planned: Planned) -> Finding:
    """Function Compute is available in the region, by its SDK's list of endpoints."""
    known = FcClient(Config(region_id=planned.account.region, endpoint="unused"))._endpoint_map
    if planned.account.region in known:
        return fine("region", planned.account.region)
    return wrong(
        "region",
        f"{planned.account.region} is not a region that Function Compute's SDK knows",
        "make deploy … REGION=ap-southeast-1",
    )


def runtime(planned: Planned) -> Finding:
    """The runtime is available in the region, by Function Compute's list."""
    if planned.runtime == "python3.12" and planned.account.region not in _PYTHON312_REGIONS:
        return wrong(
            "runtime",
            f"Function Compute's list of regions for python3.12 (June 2026) lacks {planned.account.region}",
            "make deploy … RUNTIME=python3.10   # or DOCTOR=off, if the list has grown",
        )
    return fine("runtime", planned.runtime)
