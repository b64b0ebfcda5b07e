"""A typed client of the help centre's API, version 1."""

from kb_client.client import Client, ProblemError

__all__ = ["Client", "ProblemError"]
