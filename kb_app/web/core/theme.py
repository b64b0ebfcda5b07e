"""Shades of the site's one colour that keep contrast on light and dark ground. Pure functions.

Contrast is WCAG 2.2's: relative luminance of sRGB, (L1 + 0.05) / (L2 + 0.05).
"""

from __future__ import annotations

Rgb = tuple[int, int, int]

LIGHT_GROUND: Rgb = (255, 255, 255)
LIGHT_SOFT: Rgb = (240, 243, 242)
DARK_GROUND: Rgb = (18, 22, 24)
DARK_SOFT: Rgb = (36, 43, 46)
# A little above the 4.5 that text needs, for rounding.
TEXT = 4.7


def theme_css(colour: str) -> str:
    """Custom properties of the accent for both schemes."""
    base = parse(colour)
    light, dark = readable(base, LIGHT_SOFT, TEXT), readable(base, DARK_SOFT, TEXT)
    return f":root{{{_properties(light)}}}\n@media (prefers-color-scheme: dark){{:root{{{_properties(dark)}}}}}\n"


def _properties(accent: Rgb) -> str:
    return f"--accent:{show(accent)};--on-accent:{show(on(accent))}"


def parse(colour: str) -> Rgb:
    """``#rrggbb`` as numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def show(colour: Rgb) -> str:
    """Numbers as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Rgb) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    parts = [value / 255 for value in colour]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio, 1 to 21."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def readable(colour: Rgb, ground: Rgb, wanted: float) -> Rgb:
    """The colour moved towards black or white until it reads on the ground."""
    towards = 0 if luminance(ground) > 0.5 else 255
    for step in range(101):
        mixed = mix(colour, (towards, towards, towards), step / 100)
        if contrast(mixed, ground) >= wanted:
            return mixed
    return towards, towards, towards


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """``share`` of the other colour in the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def on(colour: Rgb) -> Rgb:
    """Black or white, whichever reads better on the colour."""
    white, black = (255, 255, 255), (10, 15, 15)
    return white if contrast(white, colour) >= contrast(black, colour) else black
