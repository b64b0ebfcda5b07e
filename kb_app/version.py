"""The version of the program that runs."""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("kb-app")
