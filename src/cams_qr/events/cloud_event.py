"""One CloudEvent through EventBridge: from SMQ, RocketMQ, RabbitMQ, Kafka, or a custom event.

Sources: "Formats of events for different triggers"; CloudEvents 1.0 (`data`, `data_base64`).
"""

import base64
import binascii
from typing import Any

from cams_qr.events.call import QueryOrProblem
from cams_qr.events.messages import is_query, read_message
from cams_qr.query import invalid_field

# The field with the original message, by source: SMQ; RocketMQ and RabbitMQ; Kafka.
_MESSAGE_FIELDS = ("messageBody", "body", "value")


def recognise(document: Any) -> bool:
    """Whether the event has a `specversion` at its top level."""
    return isinstance(document, dict) and "specversion" in document


def read(document: Any) -> QueryOrProblem:
    """The query in the event's data, or the problem with it."""
    data = document.get("data")
    if data is None and isinstance(document.get("data_base64"), str):
        try:
            data = base64.b64decode(document["data_base64"], validate=True).decode()
        except (binascii.Error, ValueError):
            return invalid_field("data_base64", "is not base64-encoded text")
    if isinstance(data, dict) and not is_query(data):
        field = next((name for name in _MESSAGE_FIELDS if name in data), None)
        if field is not None:
            return read_message(data[field], f"data.{field}")
    return read_message(data, "data")
