"""What the person on call reads fits what the function does: problem codes, log fields, queries, dashboard, alerts."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cams_qr.problems import KINDS
from testing.log_store import LogStore, Row, fires
from testing.template import EVERYTHING, TEMPLATE, resolved
from tests.conftest import NUMBER, Function

OPERATIONS = Path("docs/operations.md").read_text()
RESOURCES = resolved(TEMPLATE, EVERYTHING)
ALERTS = {
    properties["Detail"]["DisplayName"]: properties["Detail"]["Configuration"]
    for name, properties in RESOURCES.items()
    if TEMPLATE["Resources"][name]["Type"] == "ALIYUN::SLS::Alert"
}
CHARTS = {chart["display"]["displayName"]: chart for chart in RESOURCES["Dashboard"]["Charts"]}
INDEX = RESOURCES["LogIndex"]["KeyIndices"]
SILENT = {"CAMS_ENDPOINT": "127.0.0.1:1", "CACHE_TTL_SECONDS": "0"}


def indexed() -> set[str]:
    (message,) = (key for key in INDEX if key["Name"] == "message")
    return {key["Name"] for key in message["JsonKeyIndices"]}


def documented(section: str) -> dict[str, str]:
    """Each heading of the section with the query under it."""
    text = OPERATIONS.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^### (.+?)\n.*?```sql\n(.+?)\n```", text, re.MULTILINE | re.DOTALL))


def ended(error: str, **more: Any) -> dict[str, Any]:
    """Function Compute's own line about an invocation. Source: SLS, "Function Compute 3.0: log fields"."""
    return {
        "functionName": "cams-qr",
        "requestId": "1-65a77fbb-157f3f32-e1ee24b17e49",
        "durationMs": 30000.0,
        "memoryUsageMB": 98.99,
        "isColdStart": "false",
        "hasFunctionError": "true" if error else "false",
        "errorType": error or None,
        "instanceID": "c-65a77eb0-15416274",
        **more,
    }


def alert(name: str, lines: list[dict[str, Any]], requests: list[dict[str, Any]] | None = None) -> bool:
    (query,) = ALERTS[name]["QueryList"]
    (severity,) = ALERTS[name]["SeverityConfigurations"]
    return fires(severity["EvalCondition"]["Condition"], LogStore(INDEX, lines, requests or []).ask(query["Query"]))


def test_every_problem_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", OPERATIONS))
    assert set(KINDS) <= explained


def test_the_queries_use_indexed_fields() -> None:
    used = set(re.findall(r"message\.(\w+)", OPERATIONS))
    assert len(used) > 5
    assert used <= indexed()


def test_every_field_of_the_log_is_indexed(function: Function, log: Any) -> None:
    function.configure(CACHE_TTL_SECONDS="60", REDIS_URL="redis://127.0.0.1:1/0", CAMS_QPS="5")
    function.ask()
    function.ask("15554000001")
    function.http(parameters={"phoneNumber": "8613800001234"}, headers={"traceparent": f"00-{1:032x}-{1:016x}-01"})
    function.direct({"queries": [{"phoneNumber": "8613800001234"}, {"phoneNumber": "1"}]})
    function.configure(CAMS_ENDPOINT="127.0.0.1:1").start()
    function.ask()
    fields = {name for line in log() for name in line}
    assert {"level", "redis", "cams", "item", "cache", "upstreamCode"} <= fields
    assert fields == indexed()


def test_the_dashboard_and_the_alerts_have_the_queries_that_are_explained() -> None:
    assert documented("Queries for the log store") == {n: chart["search"]["query"] for n, chart in CHARTS.items()}
    assert documented("Alerts") == {n: configuration["QueryList"][0]["Query"] for n, configuration in ALERTS.items()}


def test_the_conditions_of_the_alerts_are_those_that_are_explained() -> None:
    for name, configuration in ALERTS.items():
        ((condition,)) = [s["EvalCondition"]["Condition"] for s in configuration["SeverityConfigurations"]]
        assert f"`{condition}`" in OPERATIONS.split(f"\n### {name}\n")[1].split("\n#")[0]


def test_each_query_asks_the_functions_own_log_store() -> None:
    store = RESOURCES["LogStore"]["LogstoreName"]
    assert {chart["search"]["logstore"] for chart in CHARTS.values()} == {store}
    for configuration in ALERTS.values():
        (query,) = configuration["QueryList"]
        assert (query["Project"], query["Store"]) == (RESOURCES["LogProject"]["Name"], store)
        assert configuration["Dashboard"] == RESOURCES["Dashboard"]["DashboardName"]


def test_no_two_charts_lie_over_one_another() -> None:
    places = {(chart["display"]["xPos"], chart["display"]["yPos"]) for chart in CHARTS.values()}
    assert len(places) == len(CHARTS)
    assert {(c["display"]["width"], c["display"]["height"]) for c in CHARTS.values()} == {(10, 10)}
    assert all(place % 10 == 0 for pair in places for place in pair)


@pytest.fixture
def answers(function: Function, log: Any) -> dict[str, list[Row]]:
    """What each chart shows of: three hits and a miss, a batch with a wrong number, a throttled call, CAMS away."""
    function.configure(CACHE_TTL_SECONDS="60", CAMS_QPS="5", REDIS_URL="redis://127.0.0.1:1/0")
    for _ in range(4):
        function.ask()
    function.direct({"queries": [{"phoneNumber": NUMBER}, {"phoneNumber": "1"}]})
    function.ask("15554290003")
    function.configure(CAMS_ENDPOINT="127.0.0.1:1").start()
    function.ask("6281200001234")
    store = LogStore(INDEX, log(), [ended(""), *[ended("FunctionTimeoutError")] * 2, ended("FunctionOOMError")])
    return {name: store.ask(chart["search"]["query"]) for name, chart in CHARTS.items()}


def test_each_query_answers_from_real_lines(answers: dict[str, list[Row]]) -> None:
    failures = {row["problem"]: row["failures"] for row in answers["Failures by code"]}
    assert failures == {"invalid_request": 1, "throttled": 1, "upstream_unavailable": 1}
    # The batch's own line does not count; of its queries' two lines, none failed for our sake.
    assert answers["Share of failing requests"] == [{"percent": round(100 / 8, 2), "requests": 8}]
    (waiting,) = answers["Waiting for permits"]
    assert 0 <= waiting["p50"] <= waiting["p99"] <= waiting["longest"]
    assert {row["cache"]: row["requests"] for row in answers["Hit rate"]} == {"hit": 4, "miss": 1}
    assert {row["cold"]: row["requests"] for row in answers["Cold starts"]} == {"true": 2, "false": 5}
    assert {row["requests"] for row in answers["Load by number"]} >= {5, 1}
    assert [row["redis"] for row in answers["Redis state changes"]] == ["unavailable", "unavailable"]
    assert [row["cams"] for row in answers["CAMS state changes"]] == ["unavailable"]
    failed = {row["error"]: row["invocations"] for row in answers["Invocations that failed"]}
    assert failed == {"FunctionTimeoutError": 2, "FunctionOOMError": 1}


@pytest.mark.thorough
def test_a_charts_axes_are_its_querys_columns(answers: dict[str, list[Row]]) -> None:
    for name, chart in CHARTS.items():
        assert [*chart["display"]["xAxis"], *chart["display"]["yAxis"]] == list(answers[name][0])


def test_no_alert_while_all_is_well(function: Function, log: Any) -> None:
    for number in [NUMBER] * 10 + ["491701234578", "1"]:
        function.ask(number)
    lines = log()
    assert [name for name in ALERTS if alert(name, lines, [ended("")])] == []


def test_an_alert_when_many_requests_fail(function: Function, log: Any) -> None:
    function.configure(**SILENT)
    for _ in range(9):
        function.ask()
    few = log()
    function.ask()
    assert [alert("Many requests fail", lines) for lines in (few, few + log())] == [False, True]


@pytest.mark.parametrize(
    ("number", "code", "alerts"),
    [
        ("15554000001", "not_subscribed", True),
        ("15554000002", "permission_denied", True),
        ("15554000004", "not_owned", False),
    ],
)
def test_an_alert_when_the_role_or_the_subscription_is_gone(
    function: Function, log: Any, number: str, code: str, alerts: bool
) -> None:
    assert {function.ask(number)["problem"]["code"] for _ in range(10)} == {code}
    assert alert("Many requests fail", log()) is alerts


def test_an_alert_when_cams_throttles_but_not_when_callers_ask_too_much(function: Function, log: Any) -> None:
    function.configure(CACHE_TTL_SECONDS="0", CAMS_MAX_WAIT_SECONDS="0", CAMS_QPS="1")
    for _ in range(10):
        function.http(parameters={"phoneNumber": NUMBER})
    asked_too_much = log()
    assert sum(line.get("problem") == "throttled" for line in asked_too_much) >= 5
    function.configure(CAMS_QPS="300").start()
    function.ask("15554290003")
    refused = log()
    assert [alert("CAMS throttles", lines) for lines in (asked_too_much, refused * 4, refused * 5)] == [
        False,
        False,
        True,
    ]


def test_an_alert_when_redis_is_away(function: Function, log: Any) -> None:
    function.configure(REDIS_URL="redis://127.0.0.1:1/0").ask()
    assert alert("Redis is unavailable", log())


def test_an_alert_when_the_function_has_a_bug(function: Function, log: Any) -> None:
    class Broken(SimpleNamespace):
        @property
        def credentials(self) -> Any:
            raise LookupError

    function.direct({"phoneNumber": NUMBER}, Broken(function=SimpleNamespace(timeout=3), request_id="r"))
    assert alert("The function has a bug", log())


@pytest.mark.parametrize(
    ("error", "alerts"),
    [("FunctionTimeoutError", True), ("FunctionOOMError", True), ("FunctionUnhandledError", False)],
)
def test_an_alert_when_function_compute_ends_an_invocation(error: str, alerts: bool) -> None:
    """A message that cannot be answered raises on purpose, which is the third type."""
    assert alert("Function Compute ends invocations", [], [ended("")] * 5 + [ended(error)]) is alerts


def test_an_alert_when_the_function_does_not_start(function: Function, log: Any) -> None:
    failed = [ended("FunctionUnhandledError")] * 5
    assert alert("Function Compute ends invocations", [], failed)
    function.direct({"phoneNumber": NUMBER})
    assert not alert("Function Compute ends invocations", log(), failed), "messages that raise on purpose"
