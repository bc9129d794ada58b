"""What a check of a deployment yields, and what it is given."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from deploy.account import Account
from deploy.stack import Stacks
from deploy.table import Finding

# What helps where nothing else does; where a right to look is missing.
REPORT_IT = "report it with the JSON file below"
GRANT_CHECKS = "add deploy/policy-checks.json to this caller's policies"


class Target(NamedTuple):
    """One deployment; `parameters` holds the template's defaults too, `token` a JSON Web Token where that is asked for.

    `number` is one of the account's phone numbers; without one `asked` is a number that is nobody's.
    `space` is the custSpaceId to ask for, or empty.
    """

    account: Account
    stacks: Stacks
    stack: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    number: str
    asked: str
    space: str
    token: str
    log_seconds: float

    @property
    def function(self) -> str:
        """The function's name."""
        return self.parameters["FunctionName"]

    @property
    def query(self) -> dict[str, str]:
        """What is asked for, as fields of a direct call."""
        return {"phoneNumber": self.asked} | ({"custSpaceId": self.space} if self.space else {})


class Seen(NamedTuple):
    """What the platform did, for the belief of that name in local/beliefs.py."""

    belief: str
    value: str


class Logged(NamedTuple):
    """An invocation that must have a line in the log store; `status` is its answer's, or its worst query's."""

    what: str
    request_id: str
    status: int


class Measured(NamedTuple):
    """Figures for the report: milliseconds, or headers as they arrived."""

    what: str
    figures: Any


Row = Finding | Seen | Logged | Measured
Check = Callable[[Target], Iterator[Row]]
