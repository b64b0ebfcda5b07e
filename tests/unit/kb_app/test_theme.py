"""Text keeps its contrast with any configured colour."""

from hypothesis import given
from hypothesis import strategies as st

from kb_app.web.core.theme import (
    DARK_SOFT,
    LIGHT_SOFT,
    contrast,
    on,
    parse,
    readable,
    show,
    theme_css,
)

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


@given(COLOURS)
def test_any_colour_has_enough_contrast_on_light_and_dark(colour: tuple[int, int, int]) -> None:
    for ground in (LIGHT_SOFT, DARK_SOFT):
        accent = readable(colour, ground, 4.5)
        assert contrast(accent, ground) >= 4.5
        assert contrast(on(accent), accent) >= 4.5


def test_known_contrast() -> None:
    assert round(contrast((0, 0, 0), (255, 255, 255)), 1) == 21.0
    assert parse(show((11, 110, 102))) == (11, 110, 102)
    assert "prefers-color-scheme: dark" in theme_css("#0b6e66")
