"""What the indexer cannot go on from. A bad article is not among them: it becomes a Problem."""


class IndexerError(Exception):
    """Anything the indexer raises on purpose; the message says what to do."""


class ArticlesFolderError(IndexerError):
    """The articles folder is missing or cannot be read."""


class BuildFailedError(IndexerError):
    """A build could not be finished; what was served before goes on being served."""
