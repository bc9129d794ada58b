"""Which texts name a trace: W3C's `traceparent`, tested against its grammar, and Jaeger's span context."""

import pytest

from cams_qr.trace import parse_span_context, parse_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "value",
    [f"00-{TRACE}-{SPAN}-{flags}" for flags in ("00", "01", "ff")]
    + [f"01-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01-later"],
)
def test_a_traceparent(value: str) -> None:
    assert parse_traceparent(value) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{TRACE}-{SPAN}-01-later",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01later",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE.replace('4', '４')}-{SPAN}-01",
    ],
)
def test_no_traceparent(value: object) -> None:
    assert parse_traceparent(value) is None


@pytest.mark.parametrize(
    ("value", "trace"),
    [
        ("124ed43254b54966:124ed43254b54966:0:1", "0" * 16 + "124ed43254b54966"),
        (f"{TRACE}:{SPAN}:{SPAN}:1", TRACE),
        (f"{TRACE.upper()}:{SPAN}:0:01", TRACE),
    ],
)
def test_a_span_context(value: str, trace: str) -> None:
    assert parse_span_context(value) == trace


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0:1:0:1",
        f"{'0' * 32}:1:0:1",
        "1:0:0:1",
        "1:2:3",
        "1:2:3:4:5",
        "x:1:0:1",
        f"{TRACE}0:1:0:1",
        "1:1:0:1\n",
    ],
)
def test_no_span_context(value: object) -> None:
    assert parse_span_context(value) is None
