"""The table of problems."""

import pytest

from cams_qr.problems import KINDS, UPSTREAM_CODES, Problem, from_upstream


def test_every_upstream_code_leads_to_a_problem_there_is() -> None:
    assert {problem for problem, _ in UPSTREAM_CODES.values()} <= set(KINDS)


def test_no_row_hides_behind_an_earlier_one() -> None:
    for pattern, (problem, detail) in UPSTREAM_CODES.items():
        found = from_upstream(pattern.removesuffix("*"), None, status=400, retry_after=None)
        assert (found.code, found.detail) == (problem, detail), pattern


def test_every_kind_has_a_status_of_its_meaning() -> None:
    for code, kind in KINDS.items():
        assert 400 <= kind.status < 600, code
        assert (kind.retry_after is None) or kind.retryable, code


@pytest.mark.parametrize(("seconds", "told"), [(None, 1), (0.01, 1), (1.0, 1), (1.2, 2), (30, 30)])
def test_retry_after_is_whole_seconds_rounded_up(seconds: float | None, told: int) -> None:
    problem = Problem("throttled", "Wait.", retry_after=seconds)
    assert problem.to_dict("r")["retryAfter"] == problem.retry_after_seconds() == told


def test_retry_after_is_only_where_it_helps() -> None:
    problem = from_upstream("Product.Unsubscript", "R", status=400, retry_after=3.0)
    assert "retryAfter" not in problem.to_dict("r")


@pytest.mark.parametrize("code", ["throttling", "Throttled", "XThrottling", "Forbidde", "", None])
def test_codes_are_matched_to_the_letter(code: str | None) -> None:
    assert from_upstream(code, None, status=400, retry_after=None).code == "upstream_error"
