"""Builds the Flask application from its blueprints."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.routing import BaseConverter

from kb_app.services.container import Services, build_services
from kb_app.settings import load_settings
from kb_app.web.api import articles as api_articles
from kb_app.web.api import cases as api_cases
from kb_app.web.api import document, events, figures, health, messengers, tickets, webhooks
from kb_app.web.api import feedback as api_feedback
from kb_app.web.api import search as api
from kb_app.web.assistants import views as assistants
from kb_app.web.core import (
    access_log,
    auth,
    contact_channels,
    delivery,
    errors,
    i18n,
    other_origins,
    rate_limits,
    security,
    site_request,
    static_files,
    template_helpers,
    visitor,
)
from kb_app.web.desk import (
    article_checks,
    article_files,
    article_list,
    editor,
    gaps,
    inbox,
    labels,
    languages,
    persons,
    replies,
    reports,
    reviews,
    today,
    users,
    values,
)
from kb_app.web.desk import notices as desk_notices
from kb_app.web.desk import packs as desk_packs
from kb_app.web.site import (
    accessibility,
    account,
    assets,
    author_panel,
    case_page,
    chat,
    contact,
    discovery,
    feedback,
    follow,
    machine_pages,
    notices,
    packs,
    pages,
    profile,
)


class InterfaceLanguage(BaseConverter):
    """URL converter for the language at the beginning of a path; other values are a 404."""

    regex = "[a-z]{2,3}"


PACKAGE = Path(__file__).resolve().parents[1]
# The templates are inside an installed package, or beside the package in a checkout.
TEMPLATES = next(
    path for path in (PACKAGE / "templates", PACKAGE.parent / "templates") if path.is_dir()
)


def make_application(services: Services | None = None, processes: int = 1) -> Flask:
    """Register blueprints, languages, headers and rate limits.

    ``processes`` is the number of web processes of this node, which share the rate limits with
    those of the others.
    """
    services = services or build_services(load_settings())
    settings = services.settings
    app = Flask(
        "kb_app",
        root_path=str(PACKAGE),
        template_folder=str(TEMPLATES),
        static_url_path="/static",
    )
    app.config.update(
        SECRET_KEY=services.secret_key,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        MAX_CONTENT_LENGTH=1024 * 1024,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.url_map.converters["ui"] = InterfaceLanguage
    app.extensions["kb_services"] = services
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    delivery.set_up(app)
    static_files.set_up(app)
    site_request.set_up(app)
    i18n.set_up(app, settings)
    template_helpers.set_up(app, settings)
    security.set_up(app, settings)
    other_origins.set_up(app, settings)
    access_log.set_up(app)
    errors.set_up(app)
    auth.set_up(app, settings)
    visitor.set_up(app)
    contact_channels.set_up(app)
    notices.set_up(app)
    labels.set_up(app)
    for part in (
        health,
        assets,
        api,
        api_articles,
        api_feedback,
        api_cases,
        figures,
        document,
        assistants,
        events,
        feedback,
        contact,
        case_page,
        account,
        profile,
        today,
        reports,
        replies,
        reviews,
        article_list,
        article_files,
        article_checks,
        values,
        languages,
        inbox,
        notices,
        desk_notices,
        desk_packs,
        users,
        persons,
        gaps,
        editor,
        tickets,
        webhooks,
        messengers,
        chat,
        accessibility,
        follow,
        author_panel,
        packs,
        discovery,
        machine_pages,
        pages,
    ):
        app.register_blueprint(part.blueprint)
    node = services.node
    rate_limits.set_up(app, settings, lambda: processes * (node.count() if node else 1))
    return app
