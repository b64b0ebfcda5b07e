"""Helpers shared by the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kb_app.services.container import Services


def open_services() -> Services:
    """The services of the command's application."""
    from flask import current_app

    services: Services = current_app.extensions["kb_services"]
    return services


def with_model() -> Services:
    """The services after the embedding model is loaded, so that questions can be embedded."""
    from search.embedding.background import BackgroundEmbedder

    services = open_services()
    if isinstance(services.embedder, BackgroundEmbedder):
        services.embedder.start()
        services.embedder.wait()
    return services
