"""Chooses the embedder that a setting names."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path

from search.bundled_model import Progress, ensure_model, quiet
from search.embedder import SentenceTransformerEmbedder
from search.errors import ModelError
from search.onnx_embedder import OnnxEmbedder
from search.ports import Embedder, Encode
from search.processors import Processors
from search.torch_worker import torch_worker
from search.warming import OffEmbedder

log = logging.getLogger("search.loading")
# Names of the model that comes with it.
BUNDLED = ("", "bundled")
# Below this, starting torch takes longer than it saves.
WORTH_TORCH = 500


def load_embedder(
    model: str, folder: Path, dtype: str = "auto", threads: int = 0, progress: Progress = quiet, processors: Processors = frozenset()
) -> Embedder:
    """The embedder that KB_EMBEDDING_MODEL names: "" or "bundled" (unpacked into ``folder``), an id, a path, or "off".

    ``processors``: where the bundled one computes questions' vectors when several people ask; anywhere where none are named.
    """
    if model == "off":
        return OffEmbedder()
    if model not in BUNDLED:
        return SentenceTransformerEmbedder(model, dtype, threads=threads)
    unpacked = ensure_model(folder, progress)

    def bulk_with(count: int) -> AbstractContextManager[Encode] | None:
        # The graph of whole numbers is faster, where the processor computes in bfloat16 too (docs/decisions/0006).
        asked_for = dtype != "auto" and count >= WORTH_TORCH
        return torch_worker(unpacked, dtype, threads) if asked_for else None

    try:
        return OnnxEmbedder(unpacked, threads, progress, bulk_with, processors)
    except (ModelError, ImportError) as error:
        log.warning("serving with torch, which is slower and takes more memory: %s", error)
        return SentenceTransformerEmbedder(str(unpacked), dtype, threads=threads)
