"""Vectors of units in 8 bits, as a build writes and reuses them."""

from pathlib import Path

import numpy as np

from search.vectors.unit_vectors import UnitVectors


def vectors(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_they_are_read_by_passage(tmp_path: Path) -> None:
    units = vectors(5)
    made = UnitVectors.of(units, [2, 0, 3])
    made.save(tmp_path)
    opened = UnitVectors.open(tmp_path)
    assert opened.sizes.tolist() == [2, 0, 3]
    assert np.allclose(opened.vectors(2), units[2:], atol=0.01)
    assert opened.vectors(1).shape == (0, 8)


def test_those_of_an_earlier_build_are_taken_over() -> None:
    known, fresh = UnitVectors.of(vectors(4), [1, 3]), UnitVectors.of(vectors(2, 1), [2])
    taken = known.joined(fresh).taken(np.array([2, 0]))
    assert taken.sizes.tolist() == [2, 1]
    assert np.array_equal(taken.vectors(0), fresh.vectors(0))
    assert np.array_equal(taken.vectors(1), known.vectors(0))


def test_nothing_joins_with_anything() -> None:
    nothing = UnitVectors.of(np.zeros((0, 0), np.float32), [0])
    known = UnitVectors.of(vectors(2), [2])
    assert known.joined(nothing).sizes.tolist() == [2, 0]
    assert nothing.joined(known).vectors(1).shape == (2, 8)
