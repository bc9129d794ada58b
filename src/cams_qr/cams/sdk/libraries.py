"""Alibaba Cloud's SDK and `requests`, without the modules that they and pydantic import only for unused features.

In the SDK, these are asynchronous calls, websockets, RSA key pairs and its own credentials providers; in requests,
encoding detection, forms and connecting (`cams/transport.py` connects); in pydantic, fractions, time zones and JSON
schemas. A signed, synchronous call with a role's credentials needs none of them; they are half of the import time and a
third of the memory. `DEFER_IMPORTS=off` imports, and packages, everything. index.py applies the same list to the
imports of the rest of this project.
"""

from importlib.util import find_spec

from cams_qr.imports.deferred import ON, deferring

_UNUSED = ("aiofiles", "aiohttp", "apscheduler", "cryptography", "websocket")
_USED_ELSEWHERE = (
    "alibabacloud_credentials.provider",
    "alibabacloud_gateway_spi",
    "alibabacloud_tea_openapi.models",
    "alibabacloud_tea_openapi.sm3",
    "alibabacloud_tea_openapi.websocket_utils",
    "asyncio",
    "charset_normalizer",
    "darabonba.event",
    "darabonba.utils.form",
    "darabonba.websocket",
    "decimal",
    "email._encoded_words",
    "email._parseaddr",
    "email.encoders",
    "email.header",
    "fractions",
    "http.cookies",
    "idna",
    "importlib.metadata",
    "pydantic._internal._discriminated_union",
    "pydantic._internal._signature",
    "pydantic.json_schema",
    "secrets",
    "subprocess",
    "tempfile",
    "urllib.request",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.fields",
    "urllib3.filepost",
    "urllib3.response",
    "urllib3.util.proxy",
    "urllib3.util.response",
    "urllib3.util.ssl_",
    "uu",
    "uuid",
    "xml",
    "zipfile",
    "zoneinfo",
)
DEFERRED = (*_UNUSED, *_USED_ELSEWHERE)
# Left out of the package.
LEFT_OUT = _UNUSED if ON else ()

if not ON and not all(map(find_spec, _UNUSED)):
    raise ImportError("DEFER_IMPORTS=off is only for a package that was built with DEFER_IMPORTS=off")

with deferring(*DEFERRED):
    from alibabacloud_credentials.client import Client as CredentialClient
    from alibabacloud_credentials.exceptions import CredentialException
    from alibabacloud_credentials.utils import auth_util
    from alibabacloud_credentials_api import ICredentials, ICredentialsProvider
    from alibabacloud_tea_openapi.client import Client
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
    from darabonba.core import DEFAULT_POOL_MAXSIZE, DaraCore
    from darabonba.exceptions import UnretryableException
    from darabonba.runtime import RuntimeOptions
    from requests import PreparedRequest, Response, Session
    from requests.adapters import BaseAdapter
    from requests.structures import CaseInsensitiveDict
    from urllib3.util.wait import wait_for_read

__all__ = [
    "DEFAULT_POOL_MAXSIZE",
    "AlibabaCloudException",
    "BaseAdapter",
    "CaseInsensitiveDict",
    "Client",
    "Config",
    "CredentialClient",
    "CredentialException",
    "DaraCore",
    "ICredentials",
    "ICredentialsProvider",
    "OpenApiRequest",
    "Params",
    "PreparedRequest",
    "Response",
    "RuntimeOptions",
    "Session",
    "UnretryableException",
    "auth_util",
    "default_credentials_provider",
    "wait_for_read",
]


def default_credentials_provider() -> ICredentialsProvider:
    """The library's default chain, for environments without a role; its modules are imported here."""
    with deferring(*LEFT_OUT):
        from alibabacloud_credentials.provider import DefaultCredentialsProvider
    return DefaultCredentialsProvider()
