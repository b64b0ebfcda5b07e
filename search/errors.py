"""Exception hierarchy of the engine.

Bad user input never raises one of these; it is reported as ``Results.problem``.
"""


class SearchError(Exception):
    """Base class of all engine errors; the message says what to do."""


class ModelError(SearchError):
    """The embedding model cannot be downloaded, unpacked, loaded or verified."""


class EmbedderUnavailableError(SearchError):
    """No embedding is available now. ``reason`` is "off", "warming" or "failed"."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or f"semantic search is {reason}")
        self.reason = reason


class BundleError(SearchError):
    """A bundle on disk is missing, damaged or from an incompatible version."""


class BuildInProgressError(SearchError):
    """Another process is already building into the same data folder."""


class CalibrationError(SearchError):
    """A calibration file is damaged, or belongs to another model or version."""
