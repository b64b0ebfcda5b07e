"""Traces of requests: what they tell, and what they must not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kb_app import create_app, traces
from tests.support import make_services

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(traces, "_tracer", None)
    traces.set_up("http://unused", "node-1", "1.0", SimpleSpanProcessor(exporter))
    yield exporter


def test_a_search_is_one_trace_from_the_request_to_the_database(
    articles: Path, data: Path, spans: InMemorySpanExporter
) -> None:
    site = create_app(make_services(articles, data, proxies=1)).test_client()
    path = "/en/search?q=where+is+zebrafin"
    answer = site.get(path, headers={"traceparent": PARENT, "User-Agent": "Mozilla/5.0"})
    found = [span for span in spans.get_finished_spans() if span.context is not None]
    (request,) = [span for span in found if span.name == "GET /<ui:ui>/search"]
    assert format(request.context.trace_id, "032x") == PARENT.split("-")[1]
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["kb.request_id"] == answer.headers["X-Request-ID"]
    below = {span.name for span in found if span.context.trace_id == request.context.trace_id}
    assert {"search: queue", "search: rank", "search: judge", "search: all"} <= below
    assert "zebrafin" not in "".join(span.to_json() for span in found)


def test_without_traces_nothing_is_made(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data)).test_client()
    assert traces._tracer is None and site.get("/en/").status_code == 200
