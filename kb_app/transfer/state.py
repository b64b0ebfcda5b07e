"""What an import wrote, so that the next one changes only what changed there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from indexer.atomic_write import replace_bytes
from kb_app.transfer.model import TransferError


@dataclass
class Written:
    """A text that was written: its file, the digests of its source and of the file, and its id."""

    path: str
    source: str
    file: str
    id: str = ""


@dataclass
class ImportState:
    """Texts by ``key/lang``, and files of pictures by address."""

    texts: dict[str, Written] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ImportState:
        """The state of a file; an empty one where there is none. Raises TransferError."""
        try:
            given = orjson.loads(path.read_bytes())
            texts = {key: Written(**one) for key, one in given["texts"].items()}
            return cls(texts, dict(given["files"]))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TransferError(
                f"{path} cannot be read ({type(error).__name__}). Remove it to import anew; "
                "articles that are there already stay."
            ) from error

    def write(self, path: Path) -> None:
        """Keep the state."""
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, orjson.dumps(asdict(self)))
