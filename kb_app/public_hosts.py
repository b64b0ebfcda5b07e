"""Tells hosts of the internet from those of the own network, by their addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator


def _addresses(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            yield ipaddress.ip_address(str(found[4][0]).partition("%")[0])
    except (OSError, UnicodeError, ValueError):
        return


def is_public(host: str) -> bool:
    """Whether a host has addresses, and all of them are of the internet."""
    found = list(_addresses(host))
    return bool(found) and all(one.is_global for one in found)


def is_private(host: str) -> bool:
    """Whether a host has an address of the own network."""
    return any(not one.is_global for one in _addresses(host))
