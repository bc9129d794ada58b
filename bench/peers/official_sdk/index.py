"""The straightforward function: a new official client for each invocation."""

import json
import os
from typing import Any

from alibabacloud_cams20200606.client import Client
from alibabacloud_cams20200606.models import ListPhoneMessageQrdlRequest
from alibabacloud_tea_openapi.utils_models import Config


def handler(event: bytes, context: Any) -> object:
    """List the codes of the number in the event."""
    client = Client(
        Config(
            access_key_id=context.credentials.access_key_id,
            access_key_secret=context.credentials.access_key_secret,
            security_token=context.credentials.security_token,
            endpoint=os.environ["CAMS_ENDPOINT"],
            protocol=os.environ["CAMS_PROTOCOL"],
        )
    )
    request = ListPhoneMessageQrdlRequest(phone_number=json.loads(event)["phoneNumber"])
    return client.list_phone_message_qrdl(request).body.to_map()
