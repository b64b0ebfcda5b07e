"""Clusters texts by meaning: average linkage over their embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kb_app.analytics.ports import Vectors

# Cosine offset: rewordings in another language are less similar; see docs/analytics.md.
OTHER_LANGUAGE = 0.14


# Shrinks the mean towards zero, as if this many more queries had a zero vector.
COMMON_WEIGHT = 150


def average_linkage(vectors: Vectors, threshold: float, langs: Sequence[str] = ()) -> list[int]:
    """Cluster number of each row of ``vectors``, shape (texts, dimension), unit length.

    Average linkage (UPGMA, by scipy): clusters merge while the mean cosine between their members is
    at least ``threshold``. Numbers follow the order of first appearance. If ``langs`` is given,
    OTHER_LANGUAGE is added to the cosine of two texts in different languages.
    """
    if len(vectors) < 2:
        return list(range(len(vectors)))
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    similarity = vectors @ vectors.T
    if langs:
        languages = np.array(langs)
        similarity = similarity + OTHER_LANGUAGE * (
            languages[:, np.newaxis] != languages[np.newaxis, :]
        )
    distances = np.clip(1 - similarity, 0, 2).astype(np.float64)
    np.fill_diagonal(distances, 0)
    labels = fcluster(
        linkage(squareform(distances, checks=False), "average"),
        t=1 - threshold,
        criterion="distance",
    )
    order: dict[int, int] = {}
    return [order.setdefault(int(label), len(order)) for label in labels]


def without_common(vectors: Vectors) -> Vectors:
    """Subtract the shrunken mean of all vectors and normalise to unit length.

    For few queries the mean is shrunk strongly, because it may be their shared meaning.
    """
    centred = vectors - vectors.sum(axis=0) / (len(vectors) + COMMON_WEIGHT)
    normalised: Vectors = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return normalised
