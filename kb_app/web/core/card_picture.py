"""Draws the picture that other sites show beside a link: a title on the site's colour."""

from __future__ import annotations

import io
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from kb_app.web.core.theme import on, parse

WIDTH, HEIGHT, EDGE = 1200, 630, 80
SIZES, SMALL = (76, 64, 54, 46), 34
MOST_LINES = 4
# Fonts with Japanese letters, where Debian, Fedora, Alpine and macOS have them.
_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
    "/System/Library/Fonts/ヒラギノ角ゴシック W6.ttc",
)
# Signs that no line ends with, and those that none begins with.
_NOT_LAST = frozenset("([（「『【〈《〔")
_NOT_FIRST = frozenset(
    "、。，．・：；？！)]}）」』】〉》〕ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)


@cache
def font_file() -> Path | None:
    """The font that pictures are drawn with; None where this machine has none."""
    return next((path for path in map(Path, _FONTS) if path.is_file()), None)


@lru_cache(maxsize=256)
def _drawn(title: str, site: str, colour: str) -> bytes:
    ground = parse(colour)
    picture = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw, ink = ImageDraw.Draw(picture), on(ground)
    for size in SIZES:
        font = _font(size)
        lines = wrapped(title, font, WIDTH - 2 * EDGE)
        if len(lines) <= MOST_LINES:
            break
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
    step = round(size * 1.4)
    top = (HEIGHT - SMALL - EDGE - step * len(lines)) // 2
    for number, line in enumerate(lines):
        draw.text((EDGE, top + number * step), line, font=font, fill=ink)
    draw.text((EDGE, HEIGHT - EDGE - SMALL // 2), site[:60], font=_font(SMALL), fill=ink)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def card_picture(title: str, site: str, colour: str) -> io.BytesIO | None:
    """A PNG of 1200 x 630; None without a font for it. ``colour`` is #rrggbb."""
    if font_file() is None:
        return None
    return io.BytesIO(_drawn(title[:200], site, colour))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size)


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines that fit into a width: broken at spaces, and between Japanese letters."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line and font.getlength(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """The parts of a text between which a line may end."""
    pieces: list[str] = []
    for char in " ".join(text.split()):
        if pieces and (
            char in _NOT_FIRST
            or pieces[-1][-1] in _NOT_LAST
            or char == " "
            or (char.isascii() and pieces[-1][-1].isascii() and pieces[-1][-1] != " ")
        ):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces
