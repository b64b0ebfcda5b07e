"""Reads the cosines of another model on the scale of the bundled one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.ports import Vector


@dataclass(frozen=True)
class Scale:
    """Mean and spread of cosines between unrelated texts under some model, to read its cosines like the bundled one's."""

    mean: float
    spread: float

    def rescale(self, other: Scale, cosines: Vector) -> Vector:
        """Cosines of this scale on another one."""
        moved: Vector = ((cosines - self.mean) * (other.spread / self.spread) + other.mean).astype(
            np.float32
        )
        return moved


# Of the bundled model: between questions and passages, and between centred questions.
PASSAGE_SCALE = Scale(mean=0.79, spread=0.024)


QUESTION_SCALE = Scale(mean=0.0, spread=0.145)
