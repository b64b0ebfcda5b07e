"""Embeds with any sentence-transformers model on the CPU; the library is imported lazily."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.checksums import sha256_of
from search.embedding.bundled_model import SEAL
from search.errors import ModelError
from search.ports import Kind, Vector

# Texts per call: small, so that a live query can run between two batches of a build.
BATCH = 16


class SentenceTransformerEmbedder:
    """A sentence-transformers model; implements ports.Embedder.

    ``dtype`` is "auto" (bfloat16 where the processor supports it, else float32), "float32" or
    "bfloat16". ``prefixes`` override the model's prompts named query, passage or document.
    """

    def __init__(
        self,
        model: str,
        dtype: str = "auto",
        prefixes: dict[Kind, str] | None = None,
        threads: int = 0,
    ) -> None:
        self._lock = threading.Lock()
        self._model, self.dtype = _load(model, dtype, threads)
        prompts = dict(self._model.prompts or {})
        self.prefixes: dict[Kind, str] = {
            "query": prompts.get("query", ""),
            "passage": prompts.get("passage") or prompts.get("document", ""),
            **(prefixes or {}),
        }
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.calibrated = (Path(model) / SEAL).is_file()
        self._fingerprint = self._compute_fingerprint(model)

    @property
    def fingerprint(self) -> str:
        """Hash of weights, dtype, prefixes, pooling and maximum length."""
        return self._fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Return unit vectors, shape (len(texts), dimension), float32.

        Texts are batched by length, longest first, to reduce padding.
        """
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            with self._lock:
                batch = self._model.encode(
                    [self.prefixes[kind] + texts[row] for row in rows],
                    batch_size=BATCH,
                    show_progress_bar=False,
                    prompt="",
                )
            vectors[rows] = unit(np.asarray(batch, dtype=np.float32))
        return vectors

    def _compute_fingerprint(self, model: str) -> str:
        weights = sorted(Path(model).glob("*.safetensors")) if Path(model).is_dir() else []
        name = "+".join(sha256_of(path) for path in weights) or f"{model}@{_commit(self._model)}"
        if self.calibrated:
            if (
                name
                != json.loads((Path(model) / SEAL).read_text(encoding="utf-8"))["weights_sha256"]
            ):
                raise ModelError(
                    f"{weights[0]} is damaged: its checksum differs. "
                    f"Remove {model} and start again."
                )
            return bundled_fingerprint(Path(model))
        pooling = [str(module) for module in self._model][1:]
        parts = [
            name,
            self.dtype,
            self.prefixes["query"],
            self.prefixes["passage"],
            *pooling,
            str(self.max_tokens),
        ]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def bundled_fingerprint(folder: Path) -> str:
    """Return the bundled model's fingerprint, the same for torch and onnxruntime.

    Their vectors are practically equal (cosine 0.9999).
    """
    return hashlib.sha256((folder / SEAL).read_bytes()).hexdigest()[:16]


def unit(vectors: Vector) -> Vector:
    """Scale vectors to unit length. Raises ModelError for NaN or infinite values."""
    if not np.isfinite(vectors).all():
        raise ModelError(
            "The embedding model returned values that are not numbers; "
            "choose another KB_EMBEDDING_MODEL."
        )
    norms: Vector = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: Vector = vectors / norms
    return scaled


def _load(model: str, dtype: str, threads: int) -> tuple[Any, str]:
    """Return the loaded model and its dtype."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)
    if dtype == "auto":
        cpu = torch.cpu.get_capabilities()
        dtype = "bfloat16" if cpu.get("avx512_bf16") or cpu.get("amx_bf16") else "float32"
    local = Path(model).is_dir()
    if local and not (Path(model) / "modules.json").is_file():
        raise ModelError(
            f"KB_EMBEDDING_MODEL={model} is a folder without modules.json: "
            "not a sentence-transformers model. Set it to a sentence-transformers folder."
        )
    settings: dict[str, Any] = {"dtype": dtype}
    if local and (Path(model) / SEAL).is_file():
        settings["add_pooling_layer"] = False
    try:
        return SentenceTransformer(
            model, device="cpu", local_files_only=local, model_kwargs=settings
        ).eval(), dtype
    except Exception as error:
        raise ModelError(f"The embedding model {model} cannot be loaded: {error}") from error


def _commit(model: Any) -> str:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "unknown")
