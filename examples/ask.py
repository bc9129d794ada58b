"""Call cams-qr from another Python function, and read its answer; `ask_http.py` asks over HTTP.

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
    """cams-qr ended without an answer: it ran out of time or memory, or raised."""


def client_for(context: Any) -> Client:
    """A client with this invocation's role; python3.12 has the role in the environment alone."""
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
    """Ask one query, and again after `retryAfter` seconds where the problem names them; at most `rounds` times.

    Raises FunctionFailed, and the SDK's exceptions.
    """
    for left in reversed(range(rounds)):
        answer: Answer = invoke(client, query)
        if "result" in answer or "retryAfter" not in answer["problem"] or not left:
            break
        time.sleep(answer["problem"]["retryAfter"])
    return answer


def ask_all(client: Client, queries: list[dict[str, str]], rounds: int = 5) -> list[Answer]:
    """Ask up to 100 queries, and again for those that failed for a reason that may pass.

    What was found is not asked for again. Returns an answer for each query, in order. Raises FunctionFailed with the
    problem's code for a batch that is none.
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
    """The links of a number's QR codes. Raises FunctionFailed with the problem's code where there is one."""
    answer = ask(client, {"phoneNumber": phone_number})
    if "problem" in answer:
        raise FunctionFailed(answer["problem"]["code"], answer["problem"]["detail"])
    return [code["deepLinkUrl"] for code in answer["result"]["qrCodes"]]


def invoke(client: Client, event: dict[str, Any]) -> Any:
    """Send an event; returns what cams-qr answered. Raises FunctionFailed, and the SDK's exceptions."""
    request = InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    # The SDK gives up reading after 10 s unless told otherwise, and the function would run on with nobody to read it.
    runtime = RuntimeOptions(read_timeout=(FUNCTION_TIMEOUT_SECONDS + 5) * 1000)
    response = client.invoke_function_with_options(FUNCTION_NAME, request, InvokeFunctionHeaders(), runtime)
    answer = json.loads(response.body.read())
    # A function that failed comes with status 200 as well, and the SDK raises nothing for it.
    if "x-fc-error-type" in response.headers:
        raise FunctionFailed(response.headers["x-fc-error-type"], answer.get("errorMessage"))
    return answer


def handler(event: bytes, context: Any) -> list[str | None]:
    """The calling function's entry point."""
    return links(client_for(context), json.loads(event)["phoneNumber"])
