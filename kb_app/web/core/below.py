"""Addresses and cookies of a site below a path prefix, such as https://example.com/help."""

from __future__ import annotations

from flask import request


def this_address() -> str:
    """Path and query of this request, with the site's path prefix."""
    return request.script_root + request.full_path.rstrip("?")


def cookie_path() -> str:
    """The path of this site's cookies: other sites of the host have their own."""
    return f"{request.script_root}/"
