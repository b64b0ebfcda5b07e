"""The size of a picture is known before it is loaded."""

from pathlib import Path

import pytest
from PIL import Image

from indexer.bundling.image_sizes import image_size


@pytest.mark.parametrize(
    ("svg", "size"),
    [
        ('<svg xmlns="x" width="640" height="360">', (640, 360)),
        ('<?xml version="1.0"?>\n<!-- a -->\n<svg viewBox="0 0 800 450" role="img">', (800, 450)),
        ('<svg viewBox="0,0,80.5,45.25"/>', (80, 45)),
        ('<svg width="50%" height="auto" viewBox="0 0 10 20">', (10, 20)),
        ('<svg width="12px" height="34.5px">', (12, 34)),
        ("<svg>", None),
        ('<svg width="0" height="0">', None),
        ("no picture", None),
    ],
)
def test_an_svg_says_its_size_or_not(tmp_path: Path, svg: str, size: object) -> None:
    path = tmp_path / "a.svg"
    path.write_text(svg, encoding="utf-8")
    assert image_size(f"{hash(svg)}.svg", path) == size


def test_pictures_of_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(path)
    assert image_size("one.png", path) == (30, 20)
    path.write_bytes(b"no picture")
    assert image_size("other.png", path) is None
    assert image_size("gone.png", tmp_path / "gone.png") is None
