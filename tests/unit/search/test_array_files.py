"""Array files are read by several threads at once."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from search.array_files import load_array, load_arrays


@pytest.fixture
def threads_take_turns_often() -> Iterator[None]:
    """Every allocation may start a garbage collection, and each lets another thread run."""

    def collected(phase: str, info: dict[str, int]) -> None:
        sum(range(5))

    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(1)
    sys.setswitchinterval(1e-6)
    gc.callbacks.append(collected)
    yield
    gc.callbacks.remove(collected)
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("threads_take_turns_often")
def test_many_threads_read_arrays_at_once(tmp_path: Path) -> None:
    one, many = tmp_path / "one.npy", tmp_path / "many.npz"
    np.save(one, np.arange(3))
    np.savez(many, first=np.arange(3), second=np.ones(2))
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda _: int(load_array(one).sum()), range(400)))
        named = list(pool.map(lambda _: sorted(load_arrays(many)), range(200)))
    assert set(sums) == {3} and named == [["first", "second"]] * 200


def test_a_mapped_array_is_a_plain_view(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    mapped = load_array(tmp_path / "a.npy", mapped=True)
    assert type(mapped) is np.ndarray and mapped.tolist() == [0, 1, 2]
