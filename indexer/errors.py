"""Errors that stop the indexer. A faulty article does not: it becomes a Problem."""


class IndexerError(Exception):
    """Base class of the indexer's errors. The message says what to do."""


class ArticlesFolderError(IndexerError):
    """The articles folder is missing or cannot be read."""


class BuildFailedError(IndexerError):
    """A build could not finish. The previous bundle is still served."""
