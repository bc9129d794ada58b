"""A function written by hand: one generic Tea client per module, with the credentials it had at the start."""

import json
import os
from typing import Any

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

_client = Client(
    Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        security_token=os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"],
        endpoint=os.environ["CAMS_ENDPOINT"],
        protocol=os.environ["CAMS_PROTOCOL"],
    )
)
_operation = Params(
    action="ListPhoneMessageQrdl",
    version="2020-06-06",
    protocol="HTTPS",
    pathname="/",
    method="POST",
    auth_type="AK",
    style="RPC",
    req_body_type="formData",
    body_type="json",
)


def handler(event: bytes, context: Any) -> object:
    """List the codes of the number in the event."""
    request = OpenApiRequest(query={"PhoneNumber": json.loads(event)["phoneNumber"]})
    return _client.call_api(_operation, request, RuntimeOptions())["body"]
