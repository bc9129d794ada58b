"""`make verify` tests what was deployed, and compares it with the template and with what the stand-ins assume."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

from deploy.account import Account
from deploy.doctor.cams import NOBODY
from deploy.doctor.check import NETWORK, is_forbidden
from deploy.doctor.services import FC_CONSOLE
from deploy.parameters import first_of, with_defaults
from deploy.sls import SlsError, SlsUnreachable
from deploy.stack import Stacks
from deploy.table import Finding, are_fine, show, unknown, wrong
from deploy.verify import access, direct, logs, settings, web
from deploy.verify.report import Report, tell, write
from deploy.verify.rows import GRANT_CHECKS, REPORT_IT, Check, Logged, Measured, Row, Seen, Target

CHECKS: tuple[tuple[str, Check], ...] = (
    ("signed GET", web.signed),
    ("unsigned GET", web.unsigned),
    ("preflight", web.preflight),
    ("CORS", web.cors),
    ("ETag", web.conditional),
    ("drawing", web.drawing),
    ("space's header", access.space),
    ("domain", access.domain),
    ("gateway", access.gateway),
    ("direct call", direct.direct),
    ("batch", direct.batch),
    ("bus message", direct.bus),
    ("two at once", web.together),
    ("concurrency", settings.concurrency),
    ("async settings", settings.asynchronous),
    ("VPC", settings.vpc),
    ("alerts", settings.alerts),
)


def verify(
    account: Account,
    stacks: Stacks,
    stack: str,
    outputs: Mapping[str, str],
    options: Any,
    folder: Path,
) -> bool:
    """Print the table, and write the report into the folder; returns whether no check failed."""
    parameters = with_defaults(stacks.parameters(stack))
    number = options.number or first_of(parameters["AllowedPhoneNumbers"])
    space = options.space or first_of(parameters["AllowedCustSpaceIds"])
    token = os.environ.get("TOKEN", "")
    target = Target(
        account, stacks, stack, outputs, parameters, number, number or NOBODY, space, token, options.log_seconds
    )
    report = _collect(target)
    tell(report)
    print(f"Report, without numbers and credentials: {write(report, target, folder)}")
    return are_fine(report.findings)


def _collect(target: Target) -> Report:
    """Run the checks one after another, the logs last, because log lines arrive late."""
    seen: dict[str, str] = {}
    measured: dict[str, Any] = {}
    logged: list[Logged] = []

    def findings() -> Iterator[Finding]:
        for row in _rows(target, logged):
            if isinstance(row, Finding):
                yield row
            elif isinstance(row, Seen):
                seen[row.belief] = row.value
            elif isinstance(row, Measured):
                measured[row.what] = row.figures
            elif row.request_id:
                logged.append(row)
            else:
                yield wrong(row.what, "the answer has no request ID", REPORT_IT)

    return Report(show(findings()), seen, measured)


def _rows(target: Target, logged: list[Logged]) -> Iterator[Row]:
    for what, check in CHECKS:
        yield from _safely(what, check, target)
    yield from _safely("log lines", lambda target: logs.lines(target, logged), target)


def _safely(what: str, check: Check, target: Target) -> Iterator[Row]:
    try:
        yield from check(target)
    except (requests.RequestException, UnretryableException, SlsUnreachable) as error:
        yield wrong(what, f"no answer ({type(error).__name__})", NETWORK)
    except AlibabaCloudException as error:
        if is_forbidden(error):
            yield unknown(what, f"refused: {error.code}", GRANT_CHECKS)
        else:
            yield wrong(what, f"refused: {error.code}", f"{FC_CONSOLE}   # check whether it still exists")
    except SlsError as error:
        yield unknown(what, f"SLS answered {error.code}", GRANT_CHECKS)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        yield unknown(what, f"the answer does not match its reference ({type(error).__name__})")
