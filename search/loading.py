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
from search.torch_worker import torch_worker
from search.warming import OffEmbedder

log = logging.getLogger("search.loading")
# Below this, starting torch takes longer than it saves.
WORTH_TORCH = 500
_CPUINFO = Path("/proc/cpuinfo")


def load_embedder(model: str, folder: Path, dtype: str = "auto", threads: int = 0, progress: Progress = quiet) -> Embedder:
    """The embedder that KB_EMBEDDING_MODEL names: "" or "bundled" (unpacked into ``folder``), an id, a path, or "off"."""
    if model == "off":
        return OffEmbedder()
    if model not in ("", "bundled"):
        return SentenceTransformerEmbedder(model, dtype, threads=threads)
    unpacked = ensure_model(folder, progress)

    def bulk_with(count: int) -> AbstractContextManager[Encode] | None:
        return torch_worker(unpacked, dtype, threads) if count >= WORTH_TORCH and torch_is_faster(dtype) else None

    try:
        return OnnxEmbedder(unpacked, threads, progress, bulk_with)
    except (ModelError, ImportError) as error:
        log.warning("serving with torch, which is slower and takes more memory: %s", error)
        return SentenceTransformerEmbedder(str(unpacked), dtype, threads=threads)


def torch_is_faster(dtype: str) -> bool:
    """Whether sentence-transformers embeds in bulk: where a format is asked for, or the processor computes in bfloat16."""
    if dtype != "auto":
        return True
    try:
        flags = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
