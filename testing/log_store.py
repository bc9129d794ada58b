"""Simple Log Service in small: it answers the queries of docs/operations.md from lines the function has printed, and
from those that Function Compute adds.

The search part selects lines, the rest is SQL, which SQLite answers with the functions of Simple Log Service that it
lacks. Sources: Simple Log Service, "Search syntax", "SQL syntax and functions".
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Row = dict[str, Any]
_COLUMNS = {"text": "TEXT", "long": "INTEGER", "double": "REAL"}
# The service's SQL needs no FROM.
_FROM = re.compile(r"(?= where | group by | order by | limit |$)")


class LogStore:
    """Lines, a second apart, under the template's index: what it does not index, no query finds.

    `requests` are Function Compute's own lines, about whole invocations.
    """

    def __init__(
        self,
        index: Iterable[Mapping[str, Any]],
        lines: Iterable[Mapping[str, Any]],
        requests: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        fields = dict(_fields(index))
        self._database = sqlite3.connect(":memory:")
        self._database.row_factory = sqlite3.Row
        self._database.create_function("date_trunc", 2, lambda unit, t: t - t % {"minute": 60}[unit])
        self._database.create_aggregate("count_if", 1, _CountIf)
        self._database.create_aggregate("approx_percentile", 2, _Percentile)  # type: ignore[arg-type]
        columns = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
        self._database.execute(f"create table log (__time__ INTEGER, {columns})")
        ours = [{"instanceID": "c-1"} | {f"message.{name}": part for name, part in line.items()} for line in lines]
        for number, record in enumerate([*ours, *requests]):
            values = [_indexed(record.get(name)) for name in fields]
            marks = ", ".join("?" * (len(values) + 1))
            self._database.execute(f"insert into log values ({marks})", [1_795_000_000 + number, *values])

    def ask(self, query: str) -> list[Row]:
        """The rows of an answer; raises sqlite3.OperationalError where the query is wrong."""
        search, _, sql = query.partition(" | ")
        either = (part.split(" and ") for part in search.split(" or "))
        selected = " or ".join(" and ".join(map(_condition, parts)) for parts in either)
        return [
            dict(row)
            for row in self._database.execute(_FROM.sub(f" from (select * from log where {selected})", sql, 1))
        ]


def fires(condition: str, rows: Iterable[Row]) -> bool:
    """Whether an alert with this condition fires on these rows."""
    assert re.fullmatch(r"[\w<>= ()&|]+", condition)
    python = condition.replace("&&", "and").replace("||", "or")
    return any(eval(python, {"__builtins__": {}}, row) for row in rows)


def _fields(index: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for key in index:
        if key["Type"] == "json":
            yield from ((f"{key['Name']}.{part['Name']}", _COLUMNS[part["Type"]]) for part in key["JsonKeyIndices"])
        else:
            yield key["Name"], _COLUMNS[key["Type"]]


def _condition(search: str) -> str:
    if match := re.fullmatch(r"([\w.]+): (\*|\w+)", search):
        return f'"{match[1]}" is not null' if match[2] == "*" else f"\"{match[1]}\" = '{match[2]}'"
    match = re.fullmatch(r"(message\.\w+) > (\d+)", search)
    assert match, search
    return f'"{match[1]}" > {match[2]}'


def _indexed(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, bool | list) else value


class _CountIf:
    def __init__(self) -> None:
        self.count = 0

    def step(self, holds: int | None) -> None:
        self.count += bool(holds)

    def finalize(self) -> int:
        return self.count


class _Percentile:
    def __init__(self) -> None:
        self.values: list[float] = []
        self.part = 0.0

    def step(self, value: float | None, part: float) -> None:
        self.values += [] if value is None else [value]
        self.part = part

    def finalize(self) -> float | None:
        ordered = sorted(self.values)
        return ordered[min(int(self.part * len(ordered)), len(ordered) - 1)] if ordered else None
