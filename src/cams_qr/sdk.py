"""Alibaba Cloud's SDK, imported without its parts for other uses.

Its modules import what their asynchronous calls, websockets, RSA key pairs and background refreshes need. A signed,
synchronous call with STS credentials needs none of that, which is half of the import's time and a third of the memory;
`make package` leaves the deferred packages out. `DEFER_IMPORTS=off` imports, and packages, everything.
"""

import os
from contextlib import nullcontext

from cams_qr.deferred import deferring

DEFERRED = ("aiofiles", "aiohttp", "apscheduler", "cryptography", "websocket")

with nullcontext() if os.environ.get("DEFER_IMPORTS") == "off" else deferring(*DEFERRED):
    from alibabacloud_credentials.client import Client as CredentialClient
    from alibabacloud_credentials.exceptions import CredentialException
    from alibabacloud_credentials.provider import DefaultCredentialsProvider
    from alibabacloud_credentials.provider.refreshable import Credentials
    from alibabacloud_credentials.utils import auth_util
    from alibabacloud_credentials_api import ICredentials, ICredentialsProvider
    from alibabacloud_tea_openapi.client import Client
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
    from darabonba.core import DEFAULT_POOL_MAXSIZE, DaraCore
    from darabonba.exceptions import UnretryableException
    from darabonba.runtime import RuntimeOptions

__all__ = [
    "DEFAULT_POOL_MAXSIZE",
    "AlibabaCloudException",
    "Client",
    "Config",
    "CredentialClient",
    "CredentialException",
    "Credentials",
    "DaraCore",
    "DefaultCredentialsProvider",
    "ICredentials",
    "ICredentialsProvider",
    "OpenApiRequest",
    "Params",
    "RuntimeOptions",
    "UnretryableException",
    "auth_util",
]
