"""Groups texts by meaning: average linkage over their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kb_app.analytics.ports import Vectors

# Rewordings in another language stand so much further apart; docs/analytics.md.
OTHER_LANGUAGE = 0.14


# The mean of questions that are grouped counts as if so many others stood at none.
COMMON_WEIGHT = 150


def average_linkage(vectors: Vectors, threshold: float, langs: Sequence[str] = ()) -> list[int]:
    """Group number of each row: groups are joined while the mean cosine between their members is ``threshold`` or more.

    Average linkage (UPGMA) by scipy; numbers follow the order in which groups first appear. Between questions of different
    languages OTHER_LANGUAGE is added.
    """
    if len(vectors) < 2:
        return list(range(len(vectors)))
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    near = vectors @ vectors.T
    if langs:
        own = np.array(langs)
        near = near + OTHER_LANGUAGE * (own[:, np.newaxis] != own[np.newaxis, :])
    distances = np.clip(1 - near, 0, 2).astype(np.float64)
    np.fill_diagonal(distances, 0)
    labels = fcluster(
        linkage(squareform(distances, checks=False), "average"),
        t=1 - threshold,
        criterion="distance",
    )
    order: dict[int, int] = {}
    return [order.setdefault(int(label), len(order)) for label in labels]


def without_common(vectors: Vectors) -> Vectors:
    """Unit vectors with what these questions have in common taken away; of few questions little, since their mean may be their meaning."""
    moved = vectors - vectors.sum(axis=0) / (len(vectors) + COMMON_WEIGHT)
    away: Vectors = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    return away
