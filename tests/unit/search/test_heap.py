"""Long work beside requests gives way, and leaves everything as it was."""

import gc
import sys

import pytest

from search.heap import GIVING_WAY_SECONDS, giving_way, without_collector


def test_long_work_gives_way_until_the_last_is_done() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        with giving_way():
            assert sys.getswitchinterval() == pytest.approx(GIVING_WAY_SECONDS)
        assert sys.getswitchinterval() == pytest.approx(GIVING_WAY_SECONDS)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_work_that_fails_leaves_everything_as_it_was() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), giving_way(), without_collector():
        raise ValueError("broken")
    assert sys.getswitchinterval() == pytest.approx(usual) and gc.isenabled()
