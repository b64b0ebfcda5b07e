"""Traces by OpenTelemetry, where KB_TRACES_URL is set: of requests, searches and statements.

No span has a query, an address or a name: routes, stages, statements without their values.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanProcessor
    from opentelemetry.trace import Span, Tracer

_tracer: Tracer | None = None


class TracesError(Exception):
    """Traces cannot be sent; the message says what to do."""


def set_up(url: str, node: str, version: str, processor: SpanProcessor | None = None) -> None:
    """Send the spans of this process to an OTLP endpoint, e.g. http://collector:4318/v1/traces.

    After the fork: a thread sends them. Raises TracesError where the library is missing.
    """
    global _tracer  # noqa: PLW0603, one for the process
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracesError(
            "KB_TRACES_URL needs OpenTelemetry: pip install 'kb-app[traces]'"
        ) from error
    about = {"service.name": "kb", "service.instance.id": node, "service.version": version}
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    _tracer = provider.get_tracer("kb_app", version)


def request_span(traceparent: str) -> AbstractContextManager[Span] | None:
    """The span of a request, below that of the proxy if it names one; None without traces."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    span: AbstractContextManager[Span] = _tracer.start_as_current_span(
        "request", context=above, kind=SpanKind.SERVER
    )
    return span


def note(name: str, seconds: float, **attributes: Any) -> None:
    """A span of what took so long and has just ended, below the span of this context."""
    if _tracer is None:
        return
    now = time.time_ns()
    span = _tracer.start_span(name, start_time=now - int(seconds * 1e9), attributes=attributes)
    span.end(now)
