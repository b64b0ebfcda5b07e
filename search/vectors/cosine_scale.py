"""Maps the cosines of another model to the scale of the bundled model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.ports import Vector


@dataclass(frozen=True)
class Scale:
    """Mean and spread of a model's cosines between unrelated texts."""

    mean: float
    spread: float

    def rescale(self, other: Scale, cosines: Vector) -> Vector:
        """Map cosines of this scale linearly to the ``other`` scale."""
        moved: Vector = ((cosines - self.mean) * (other.spread / self.spread) + other.mean).astype(
            np.float32
        )
        return moved


# The bundled model's scales: question to passage, and between centred questions.
PASSAGE_SCALE = Scale(mean=0.79, spread=0.024)
QUESTION_SCALE = Scale(mean=0.0, spread=0.145)
