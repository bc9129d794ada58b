"""What a check of a deployment yields, and what it is given."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from deploy.account import Account
from deploy.stack import Stacks
from deploy.table import Finding


class Target(NamedTuple):
    """One deployment; `parameters` holds the template's defaults too, `token` a JSON Web Token where that is asked for.

    `number` is one of the account's phone numbers; without one `asked` is a number that is nobody's.
    """

    account: Account
    stacks: Stacks
    stack: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    number: str
    asked: str
    token: str
    log_seconds: float

    @property
    def function(self) -> str:
        """The function's name."""
        return self.parameters["FunctionName"]


class Seen(NamedTuple):
    """What the platform did, for the belief of that name in local/beliefs.py."""

    belief: str
    value: str


class Logged(NamedTuple):
    """An invocation that must have a line in the log store."""

    what: str
    request_id: str


class Measured(NamedTuple):
    """Figures for the report: milliseconds, or headers as they arrived."""

    what: str
    figures: Any


Row = Finding | Seen | Logged | Measured
Check = Callable[[Target], Iterator[Row]]
