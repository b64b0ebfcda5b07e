"""Pictures and files small enough to make a thousand of them."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Media:
    name: str
    bytes: bytes


class Picture(Media):
    """Shown in the body."""


class File(Media):
    """Offered for download."""


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def picture(name: str, rng: random.Random) -> Picture:
    """A valid PNG of 8 x 8 pixels in one colour of its own."""
    colour = bytes(rng.randrange(256) for _ in range(3))
    rows = (b"\0" + colour * 8) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return Picture(name, b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def file(name: str) -> File:
    if name.endswith(".csv"):
        return File(name, f"品番,名前\r\n1,{name}\r\n".encode())
    return File(name, b"%PDF-1.4\n% " + name.encode() + b"\n%%EOF\n")
