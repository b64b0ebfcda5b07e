"""The error tree of the engine: what a caller cannot go on from.

A visitor's bad input is never one of these; it comes back as ``Results.problem``.
"""


class SearchError(Exception):
    """Anything the engine raises on purpose; the message says what to do."""


class ModelError(SearchError):
    """The embedding model cannot be fetched, unpacked, loaded or trusted."""


class EmbedderUnavailableError(SearchError):
    """No vector can be had now. ``reason`` is "off", "warming" or "failed"."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or f"search by meaning is {reason}")
        self.reason = reason


class BundleError(SearchError):
    """A bundle on disk is missing, damaged, or written by another version."""


class BuildInProgressError(SearchError):
    """Another process is building into the same data folder."""


class CalibrationError(SearchError):
    """A calibration file cannot be used: damaged, or of another model or version."""
