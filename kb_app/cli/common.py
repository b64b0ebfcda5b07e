"""What the commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kb_app.services.container import Services


def open_services() -> Services:
    """The services of the application that the command runs in."""
    from flask import current_app

    found: Services = current_app.extensions["kb_services"]
    return found


def with_model() -> Services:
    """The services with their model loaded, so that questions can be grouped by meaning."""
    from search.embedding.background import BackgroundEmbedder

    services = open_services()
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start()
        services.embedder.wait()
    return services
