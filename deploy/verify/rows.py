"""What a check of a deployment gets, and the rows that it yields."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from deploy.account import Account
from deploy.stack import Stacks
from deploy.table import Finding

# The fixes for what has no other, and for a missing right to check.
REPORT_IT = "report it with the JSON file below"
GRANT_CHECKS = "add deploy/policy-checks.json to this caller's policies"


class Target(NamedTuple):
    """One deployment; `parameters` includes the template's defaults; `token` is a JSON Web Token, if one is required.

    `number` is one of the account's phone numbers, or empty; then `asked`, the number to query, belongs to nobody.
    `space` is the custSpaceId to query, or empty.
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
        """The query, as fields of a direct call."""
        return {"phoneNumber": self.asked} | ({"custSpaceId": self.space} if self.space else {})


class Seen(NamedTuple):
    """How the platform behaved, for the belief of that name in local/beliefs.py."""

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
