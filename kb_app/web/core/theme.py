"""Shades of the site's accent colour with sufficient contrast in both colour schemes.

Contrast follows WCAG 2.2: relative luminance of sRGB, (L1 + 0.05) / (L2 + 0.05).
"""

from __future__ import annotations

Rgb = tuple[int, int, int]

LIGHT_GROUND: Rgb = (255, 255, 255)
LIGHT_SOFT: Rgb = (240, 243, 242)
DARK_GROUND: Rgb = (18, 22, 24)
DARK_SOFT: Rgb = (36, 43, 46)
# WCAG requires 4.5 for text; the margin covers rounding.
TEXT = 4.7


def theme_css(colour: str) -> str:
    """CSS custom properties of the accent colour for the light and dark schemes."""
    base = parse(colour)
    light, dark = readable(base, LIGHT_SOFT, TEXT), readable(base, DARK_SOFT, TEXT)
    return (
        f":root{{{_properties(light)}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{{_properties(dark)}}}}}\n"
    )


def _properties(accent: Rgb) -> str:
    return f"--accent:{show(accent)};--on-accent:{show(on(accent))}"


def parse(colour: str) -> Rgb:
    """Parse ``#rrggbb`` into red, green and blue, each 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def show(colour: Rgb) -> str:
    """Format a colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Rgb) -> float:
    """Relative luminance by WCAG 2.2, 0 for black to 1 for white."""
    parts = [value / 255 for value in colour]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Contrast ratio by WCAG 2.2, 1 to 21."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def readable(colour: Rgb, ground: Rgb, wanted: float) -> Rgb:
    """Mix the colour with black or white until its contrast with the ground reaches ``wanted``."""
    towards = 0 if luminance(ground) > 0.5 else 255
    for step in range(101):
        mixed = mix(colour, (towards, towards, towards), step / 100)
        if contrast(mixed, ground) >= wanted:
            return mixed
    return towards, towards, towards


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """Mix two colours; ``share`` is the share of ``other``, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def on(colour: Rgb) -> Rgb:
    """Near-black or white, whichever has more contrast with the colour."""
    white, black = (255, 255, 255), (10, 15, 15)
    return white if contrast(white, colour) >= contrast(black, colour) else black
