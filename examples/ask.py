"""Call cams-qr from another Python function, and read its answer; `ask_http.py` does so over HTTP.

Needs `alibabacloud-fc20230330` (4.8.3 here) and, for the calling function's role, the action `fc:InvokeFunction`.
"""

import io
import json
import os
import time
from typing import Any

from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from examples.answers import Answer

FUNCTION_NAME = "cams-qr"
FUNCTION_TIMEOUT_SECONDS = 30


class FunctionFailed(Exception):
    """cams-qr returned no answer: it ran out of time or memory, or raised an exception."""


def client_for(context: Any) -> Client:
    """A client with this invocation's role; on python3.12, the role is only in the environment."""
    role = getattr(context, "credentials", None)
    return Client(
        Config(
            region_id=context.region,
            access_key_id=role.access_key_id if role else os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=role.access_key_secret if role else os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            security_token=role.security_token if role else os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"],
        )
    )


def ask(client: Client, query: dict[str, str], rounds: int = 3) -> Answer:
    """Send one query; retry after `retryAfter` seconds if the problem has it. Sends it at most `rounds` times.

    Raises FunctionFailed, and the SDK's exceptions.
    """
    for left in reversed(range(rounds)):
        answer: Answer = invoke(client, query)
        if "result" in answer or "retryAfter" not in answer["problem"] or not left:
            break
        time.sleep(answer["problem"]["retryAfter"])
    return answer


def ask_all(client: Client, queries: list[dict[str, str]], rounds: int = 5) -> list[Answer]:
    """Send up to 100 queries, then retry only those that failed for a retryable reason, in at most `rounds` batches.

    Returns an answer for each query, in order. Raises FunctionFailed with the problem's code if the batch is invalid.
    """
    answers: dict[int, Any] = {}
    places = list(range(len(queries)))
    for _ in range(rounds):
        answer = invoke(client, {"queries": [queries[place] for place in places]})
        if "problem" in answer:
            raise FunctionFailed(answer["problem"]["code"], answer["problem"]["detail"])
        answers.update(zip(places, answer["results"], strict=True))
        places = [place for place in places if answers[place].get("problem", {}).get("retryable")]
        if not places:
            break
        time.sleep(max(answers[place]["problem"].get("retryAfter", 1) for place in places))
    return [answers[place] for place in range(len(queries))]


def links(client: Client, phone_number: str) -> list[str | None]:
    """The links of a number's QR codes. Raises FunctionFailed with the problem's code."""
    answer = ask(client, {"phoneNumber": phone_number})
    if "problem" in answer:
        raise FunctionFailed(answer["problem"]["code"], answer["problem"]["detail"])
    return [code["deepLinkUrl"] for code in answer["result"]["qrCodes"]]


def invoke(client: Client, event: dict[str, Any]) -> Any:
    """Send an event and return the answer of cams-qr. Raises FunctionFailed, and the SDK's exceptions."""
    request = InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    # By default the SDK stops reading after 10 s, and the function would continue with nobody to read its answer.
    runtime = RuntimeOptions(read_timeout=(FUNCTION_TIMEOUT_SECONDS + 5) * 1000)
    response = client.invoke_function_with_options(FUNCTION_NAME, request, InvokeFunctionHeaders(), runtime)
    answer = json.loads(response.body.read())
    # A failed function has status 200 too, for which the SDK raises nothing.
    if "x-fc-error-type" in response.headers:
        raise FunctionFailed(response.headers["x-fc-error-type"], answer.get("errorMessage"))
    return answer


def handler(event: bytes, context: Any) -> list[str | None]:
    """The calling function's entry point."""
    return links(client_for(context), json.loads(event)["phoneNumber"])
