"""Selects the embedder that a setting names."""

from __future__ import annotations

import logging
from pathlib import Path

from search.embedding.background import DisabledEmbedder
from search.embedding.bundled_model import Progress, ensure_model, quiet
from search.embedding.onnx_embedder import OnnxEmbedder
from search.embedding.sentence_transformers import SentenceTransformerEmbedder
from search.errors import ModelError
from search.ports import Embedder

log = logging.getLogger("search.embedding.loader")
# Setting values for the bundled model.
BUNDLED = ("", "bundled")


def load_embedder(
    model: str, folder: Path, threads: int = 0, progress: Progress = quiet
) -> Embedder:
    """Return the embedder that KB_EMBEDDING_MODEL names.

    ``model`` is "" or "bundled" (unpacked into ``folder``), a model id, a path, or "off".
    """
    if model == "off":
        return DisabledEmbedder()
    if model not in BUNDLED:
        return SentenceTransformerEmbedder(model, threads=threads)
    unpacked = ensure_model(folder, progress)

    try:
        return OnnxEmbedder(unpacked, threads, progress)
    except (ModelError, ImportError) as error:
        log.warning("serving with torch, which is slower and uses more memory: %s", error)
        return SentenceTransformerEmbedder(str(unpacked), threads=threads)
