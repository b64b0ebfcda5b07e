"""Articles whose questions are alike are one matter: their mean is a better point than any of them.

How alike is the mean cosine of an article's question pairs. The score of a query and the mean of n
questions is the log-likelihood ratio of isotropic two-covariance PLDA (Ioffe 2006; Kenny 2010) with
a between-article share RHO of the variance, mapped to a cosine: for one question it is the cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.ports import Rows, Vector
from search.ranking.rows_by_document import RowsByDocument, segment_starts

RHO = 0.4
# Weight of the mean where the questions are alike, and the mean cosines where it begins and ends.
MEAN_SHARE = 0.5
ALIKE_FROM, ALIKE_TO = 0.25, 0.45
# Documents whose questions are read at a time.
READ_AT_ONCE = 1_000


@dataclass(frozen=True)
class Coherence:
    """Of each document: the weight of the mean of its questions, and what its score is made of.

    All arrays have shape (documents,). ``scale`` and ``shift`` map the cosine of a query and the
    mean to the score.
    """

    share: Vector
    scale: Vector
    shift: Vector

    @classmethod
    def of(cls, questions: Vector, rows: RowsByDocument, documents: int) -> Coherence:
        """Measure the questions of each document; their vectors are (questions, dimension)."""
        lengths = np.zeros(documents, dtype=np.float64)
        sizes = rows.sizes(np.arange(documents))
        for start in range(0, documents, READ_AT_ONCE):
            part = np.arange(start, min(documents, start + READ_AT_ONCE))
            part = part[sizes[part] > 0]
            if len(part):
                sums = np.add.reduceat(
                    questions[rows.rows(part)], segment_starts(sizes[part]), axis=0
                )
                lengths[part] = np.einsum("ij,ij->i", sums, sums)
        return cls._from_lengths(lengths, np.maximum(sizes, 1))

    @classmethod
    def _from_lengths(cls, lengths: NDArray[np.float64], sizes: Rows) -> Coherence:
        """``lengths`` are the squared lengths of the sums of each document's questions."""
        alike = (lengths - sizes) / np.maximum(sizes * (sizes - 1), 1)
        share = np.where(
            sizes > 1,
            MEAN_SHARE * np.clip((alike - ALIKE_FROM) / (ALIKE_TO - ALIKE_FROM), 0, 1),
            0.0,
        )
        within = 1 - RHO
        denominator = sizes * RHO + within
        factor = sizes * RHO / denominator
        variance = RHO * within / denominator + within
        one = 1 - RHO**2
        # llr = -ln(variance)/2 - (1 - 2 factor cosine + factor^2 |mean|^2) / (2 variance) + 1/2
        # score = ((1 + RHO^2) - one (1 - 2 llr - ln(one))) / (2 RHO)
        constant = np.log(variance) + (1 + factor**2 * lengths / sizes**2) / variance - np.log(one)
        scale = one * factor / (variance * RHO)
        shift = ((1 + RHO**2) - one * constant) / (2 * RHO)
        return cls(*(values.astype(np.float32) for values in (share, scale, shift)))

    def blend(self, documents: Rows, nearest: Vector, mean_cosines: Vector) -> Vector:
        """Question scores from those of the nearest questions and the cosines of the means.

        All have shape (documents,).
        """
        share = self.share[documents]
        mean = self.scale[documents] * mean_cosines + self.shift[documents]
        blended: Vector = ((1 - share) * nearest + share * mean).astype(np.float32)
        return blended
