"""The report of a disturbed cluster is whole only where nothing was lost, doubled or refused."""

import pytest

from bench.cluster.failures import Report

WHOLE = {
    "forms accepted": 300,
    "forms lost": 0,
    "forms doubled": 0,
    "files lost": 0,
    "searches lost": 1,
    "bound on searches": 14,
}


def test_a_search_within_the_bound_is_no_loss() -> None:
    assert Report(counts=WHOLE).is_whole


@pytest.mark.parametrize(
    "changed", [{"forms lost": 1}, {"files lost": 1}, {"forms doubled": 1}, {"searches lost": 15}]
)
def test_any_loss_is_one(changed: dict[str, int]) -> None:
    assert not Report(counts=WHOLE | changed).is_whole


def test_what_failed_is_told() -> None:
    assert not Report(counts=WHOLE, failed=["search: refused"]).is_whole
    assert not Report(counts=WHOLE, restart_failed=["form 502: 1"]).is_whole
