"""The API keeps what its OpenAPI document says: generated requests, right ones and wrong ones."""

import warnings

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import validate

from kb_app import create_app
from kb_app.accounts.model import SCOPES
from kb_app.services.container import Services

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

OPERATIONS = [
    "GET /api/v1/articles",
    "GET /api/v1/articles/{article_id}",
    "GET /api/v1/cases/{number}",
    "GET /api/v1/contact",
    "GET /api/v1/figures",
    "GET /api/v1/gaps",
    "GET /api/v1/search",
    "GET /api/v1/sections",
    "GET /api/v1/suggest",
    "POST /api/v1/cases",
    "POST /api/v1/events",
    "POST /api/v1/feedback",
    "POST /api/v1/tickets",
]
EXAMPLES = 25
# Any text is an id: there is no wrong request.
ANY = "GET /api/v1/articles/{article_id}"
# Which fields there are is a setting of the site.
FIELDS = "POST /api/v1/cases"
# No schema says that a time is of the last seven days.
DATED = "POST /api/v1/tickets"


@pytest.fixture
def app(own: Services) -> Flask:
    object.__setattr__(own.settings, "rate_limit", "off")
    return create_app(own)


@pytest.fixture
def token(own: Services) -> str:
    (lead, *_) = own.users.all()
    return own.users.add_token("test", SCOPES, lead.user_id)


def test_the_document_is_valid_and_names_all_operations(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    validate(document)
    named = [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    ]
    assert sorted(named) == OPERATIONS
    assert all(schema.get("description") for schema in document["components"]["schemas"].values())


def test_every_address_of_the_api_is_in_the_document(app: Flask) -> None:
    # What machines send us by agreement, and the document itself.
    apart = (
        "/api/v1/hooks",
        "/api/v1/messengers",
        "/api/v1/openapi.json",
        "/api/v1/docs",
        "/api/v1/articles-changed",
    )
    rules = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/api/v1/")
        and not rule.rule.startswith(apart)
        and method in ("GET", "POST")
    }
    assert rules == set(OPERATIONS)


@pytest.mark.parametrize("mode", [*GenerationMode], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.filterwarnings("ignore")
def test_answers_are_those_of_the_document(
    app: Flask, token: str, name: str, mode: GenerationMode
) -> None:
    if name == ANY and mode is GenerationMode.NEGATIVE:
        return
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    method, path = name.split()
    operation = schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,  # the same requests in each run
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case) -> None:
        apart = [positive_data_acceptance] if name in (DATED, FIELDS) else []
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=apart)

    holds()


def test_the_page_shows_every_operation(app: Flask) -> None:
    page = app.test_client().get("/api/v1/docs").get_data(as_text=True)
    for name in OPERATIONS:
        assert name in page
