"""Call cams-qr without waiting: Function Compute keeps the event, retries, and sends the answer to a destination.

The event is a CloudEvent: if its query fails, the function raises, so that Function Compute retries the event and
finally sends it to the stack's `FailureDestination`. A failure of `{"phoneNumber": ...}` would be returned, which
counts as a success.
"""

import io
import json
from typing import Any
from uuid import uuid4

from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330.models import (
    Destination,
    DestinationConfig,
    GetAsyncInvokeConfigRequest,
    InvokeFunctionHeaders,
    InvokeFunctionRequest,
    PutAsyncInvokeConfigInput,
    PutAsyncInvokeConfigRequest,
)
from darabonba.runtime import RuntimeOptions

FUNCTION_NAME = "cams-qr"


def send_answers(client: Client, destination: str) -> None:
    """Set once where answers go, as an ARN: `acs:fc:{region}:{account}:functions/{name}`, or a queue's or topic's.

    What the stack has set stays as it is, and `make deploy` keeps this destination. The function's role needs the right
    to send there: attach a policy of your own to it.
    """
    current = client.get_async_invoke_config(FUNCTION_NAME, GetAsyncInvokeConfigRequest()).body
    config = current.destination_config or DestinationConfig()
    config.on_success = Destination(destination=destination)
    request = PutAsyncInvokeConfigRequest(body=PutAsyncInvokeConfigInput(destination_config=config))
    client.put_async_invoke_config(FUNCTION_NAME, request)


def ask_later(client: Client, query: dict[str, str]) -> str:
    """Submit the query; returns the task ID, which identifies it in the destination's `requestPayload`."""
    task_id = f"ask-{uuid4()}"
    event = {"specversion": "1.0", "id": task_id, "source": "examples", "type": "qr-codes:asked", "data": query}
    request = InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    headers = InvokeFunctionHeaders(x_fc_invocation_type="Async", x_fc_async_task_id=task_id)
    client.invoke_function_with_options(FUNCTION_NAME, request, headers, RuntimeOptions())
    return task_id


def found(event: bytes, context: Any) -> str:
    """The handler of the function that answers are sent to: one query's answer."""
    record = json.loads(event)
    task_id = json.loads(record["requestPayload"])["id"]
    codes = json.loads(record["responsePayload"])["result"]["qrCodes"]
    return f"{task_id}: {len(codes)} QR codes"


def failed(event: bytes, context: Any) -> str:
    """The handler of the function that `FailureDestination` names: one query that failed, retries included."""
    record = json.loads(event)
    task_id = json.loads(record["requestPayload"])["id"]
    return f"{task_id}: {record['requestContext']['condition']}"
