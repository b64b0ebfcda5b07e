"""Tokenises texts for the bundled model. The only module that imports sentencepiece.

It gives the same token ids as the model's tokenizer.json, which sentence-transformers reads.
sentencepiece needs less memory for the large vocabulary and opens it faster.
"""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

from search.errors import ModelError

PIECES = "pieces.model"
# sentencepiece's enum values: the unigram model type; normal, unknown and control pieces.
_UNIGRAM, _NORMAL, _UNKNOWN, _CONTROL = 1, 1, 2, 3
_SPACE = "▁"
_SPACES = re.compile(" {2,}")


def write_pieces(folder: Path, target: Path) -> None:
    """Write the vocabulary of ``folder``/tokenizer.json as a sentencepiece model.

    The model does not normalise, so its input texts must be normalised.
    """
    from sentencepiece import sentencepiece_model_pb2

    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    special = _special_tokens(folder)
    model = sentencepiece_model_pb2.ModelProto()
    for text, score in vocabulary:
        kind = (
            _NORMAL
            if text not in special
            else _UNKNOWN
            if special[text] == "unk_token"
            else _CONTROL
        )
        model.pieces.add(piece=text, score=score, type=kind)
    ids = {special[text]: index for index, (text, _) in enumerate(vocabulary) if text in special}
    trained = model.trainer_spec
    trained.model_type, trained.vocab_size = _UNIGRAM, len(vocabulary)
    trained.unk_id, trained.bos_id, trained.eos_id, trained.pad_id = (
        ids[f"{name}_token"] for name in ("unk", "bos", "eos", "pad")
    )
    normal = model.normalizer_spec
    (
        normal.name,
        normal.add_dummy_prefix,
        normal.remove_extra_whitespaces,
        normal.escape_whitespaces,
    ) = "identity", False, False, True
    target.write_bytes(model.SerializeToString())


def _special_tokens(folder: Path) -> dict[str, str]:
    """Return special token -> its role, for example "unk_token"."""
    stored = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    return {stored[name]: name for name in ("unk_token", "bos_token", "eos_token", "pad_token")}


class SentencePieceTokenizer:
    """An opened vocabulary. Thread-safe. Raises ModelError when the file cannot be read."""

    def __init__(self, path: Path, longest: int) -> None:
        from sentencepiece import SentencePieceProcessor

        try:
            self._processor = SentencePieceProcessor(model_file=str(path))
        except (OSError, RuntimeError) as error:
            raise ModelError(
                f"{path} cannot be read: {error}. Remove {path.parent} and start again."
            ) from error
        self._begin, self._end = self._processor.bos_id(), self._processor.eos_id()
        self._most = longest - 2

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text with begin and end tokens, at most ``longest`` in all."""
        normal = _SPACES.sub(" ", unicodedata.normalize("NFKC", text))
        begun = normal if not normal or normal.startswith((" ", _SPACE)) else f" {normal}"
        return [self._begin, *self._processor.encode(begun)[: self._most], self._end]
