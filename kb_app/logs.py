"""Structured logging.

No line contains a query, an address or a name: requests are logged by route, not by path.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
from contextvars import ContextVar

from setproctitle import setproctitle

# The id of the request that this thread works on; "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")
OURS = ("kb_app", "indexer", "search")


def set_up(level: str, form: str) -> None:
    """Send all logs to standard error, as text or as one JSON object per line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _json()
        if form == "json"
        else _Text("%(asctime)s %(levelname)-7s %(processName)s %(name)s: %(message)s", "%H:%M:%S")
    )
    handler.addFilter(_Quiet())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def name_process(name: str) -> None:
    """Set the process name for log lines and the system's process list."""
    multiprocessing.current_process().name = name
    setproctitle(f"kb {name}")


class _Quiet(logging.Filter):
    """Drops library records below WARNING, since some libraries set their own level to DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; one of a request gets its id."""
        if request_id.get():
            record.request = request_id.get()
        return record.levelno >= logging.WARNING or record.name.startswith(OURS)


class _Text(logging.Formatter):
    """Formats plain lines with the extra fields at the end."""

    _KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """Format the record, with ``key=value`` for each extra field."""
        extra = [f"{key}={value}" for key, value in vars(record).items() if key not in self._KNOWN]
        return " ".join([super().format(record), *extra])


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    formatter: logging.Formatter = JsonFormatter(
        "%(asctime)s %(levelname)s %(processName)s %(name)s %(message)s",
        rename_fields={
            "asctime": "time",
            "levelname": "level",
            "processName": "process",
            "name": "logger",
        },
    )
    return formatter
