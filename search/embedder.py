"""Embeds with sentence-transformers, imported when first needed: bulk embedding, any model, on the processor."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.bundled_model import SEAL, Progress, quiet, sha256_of
from search.errors import EmbedderUnavailable, ModelError
from search.ports import Embedder, Kind, Vector

log = logging.getLogger("search.embedder")
# Texts a call: small, so that a visitor's question gets between two batches of a build.
BATCH = 16
QUERY_CACHE = 4096


class SentenceTransformerEmbedder:
    """A sentence-transformers model; implements ports.Embedder.

    ``dtype`` is "auto" (bfloat16 where the processor computes in it, else float32), "float32" or "bfloat16".
    Prefixes are the model's own prompts named query, passage or document, unless given.
    """

    def __init__(self, model: str, dtype: str = "auto", prefixes: dict[Kind, str] | None = None, threads: int = 0) -> None:
        self._lock = threading.Lock()
        self.dtype = dtype
        self._model = _load(model, self, threads)
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
        """Hash over the weights, the number format, the prefixes, the pooling and the length."""
        return self._fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Unit vectors, shape (len(texts), dimension), float32; longest texts first, so that batches pad little."""
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            with self._lock:
                batch = self._model.encode([self.prefixes[kind] + texts[row] for row in rows], batch_size=BATCH, show_progress_bar=False, prompt="")
            vectors[rows] = unit(np.asarray(batch, dtype=np.float32))
        return vectors

    def _compute_fingerprint(self, model: str) -> str:
        weights = sorted(Path(model).glob("*.safetensors")) if Path(model).is_dir() else []
        name = "+".join(sha256_of(path) for path in weights) or f"{model}@{_commit(self._model)}"
        if self.calibrated and name != json.loads((Path(model) / SEAL).read_text(encoding="utf-8"))["weights_sha256"]:
            raise ModelError(f"{weights[0]} is damaged: its checksum differs. Remove {model} and start again.")
        pooling = [str(module) for module in self._model][1:]
        parts = [name, self.dtype, self.prefixes["query"], self.prefixes["passage"], *pooling, str(self.max_tokens)]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def unit(vectors: Vector) -> Vector:
    """Scaled to length 1. Raises ModelError where a model returned NaN or infinity."""
    if not np.isfinite(vectors).all():
        raise ModelError("The embedding model returned values that are not numbers; choose another KB_EMBEDDING_MODEL.")
    norms: Vector = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: Vector = vectors / norms
    return scaled


def _load(model: str, owner: SentenceTransformerEmbedder, threads: int) -> Any:
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)
    if owner.dtype == "auto":
        able = torch.cpu.get_capabilities()
        owner.dtype = "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
    local = Path(model).is_dir()
    if local and not (Path(model) / "modules.json").is_file():
        raise ModelError(f"KB_EMBEDDING_MODEL={model} is a folder without modules.json: not a sentence-transformers model.")
    settings: dict[str, Any] = {"dtype": owner.dtype}
    if local and (Path(model) / SEAL).is_file():
        settings["add_pooling_layer"] = False
    try:
        return SentenceTransformer(model, device="cpu", local_files_only=local, model_kwargs=settings).eval()
    except Exception as error:
        raise ModelError(f"The embedding model {model} cannot be loaded: {error}") from error


def _commit(model: Any) -> str:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or "unknown")


class OffEmbedder:
    """Search by meaning switched off on purpose; implements ports.Embedder."""

    fingerprint = "off"
    calibrated = False
    state = "off"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Raises EmbedderUnavailable("off")."""
        raise EmbedderUnavailable("off", "Search by meaning is off: KB_EMBEDDING_MODEL=off.")


class WarmingEmbedder:
    """Loads another embedder in a thread of its own, so that keyword search serves meanwhile. Caches query vectors.

    ``state`` goes from "warming" to "ready" or "failed"; while it is not ready ``encode`` raises EmbedderUnavailable.
    """

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._inner: Embedder | None = None
        self._settled = threading.Event()
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.state = "warming"
        self.failure = ""

    def start(self, done: Callable[[], None] | None = None) -> None:
        """Begin loading; ``done`` is called in the loading thread when the model is ready."""
        self._thread = threading.Thread(target=self._run, args=(done,), name="model-loader", daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until loading has ended; True when the model is ready."""
        self._settled.wait(timeout)
        return self.state == "ready"

    @property
    def calibrated(self) -> bool:
        """Of the loaded model."""
        return self._ready().calibrated

    @property
    def fingerprint(self) -> str:
        """Of the loaded model; raises EmbedderUnavailable until then."""
        return self._ready().fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Like the loaded embedder; one query at a time is remembered."""
        inner = self._ready()
        if kind != "query" or len(texts) != 1:
            return inner.encode(texts, kind)
        with self._cache_lock:
            cached = self._cache.get(texts[0])
            if cached is not None:
                self._cache.move_to_end(texts[0])
                return cached
        vector = inner.encode(texts, kind)
        with self._cache_lock:
            self._cache[texts[0]] = vector
            while len(self._cache) > QUERY_CACHE:
                self._cache.popitem(last=False)
        return vector

    def _ready(self) -> Embedder:
        if self._inner is None:
            raise EmbedderUnavailable(self.state, self.failure)
        return self._inner

    def _run(self, done: Callable[[], None] | None) -> None:
        try:
            inner = self._load()
            inner.encode(["warm"], "query")
            self._inner, self.state = inner, "ready"
        except Exception as error:  # whatever a model does wrong, keyword search goes on
            self.state, self.failure = "failed", str(error)
            log.error("search by meaning is out: %s", error)
        finally:
            self._settled.set()
        if done and self.state == "ready":
            done()


def load_embedder(model: str, folder: Path, dtype: str = "auto", threads: int = 0, progress: Progress = quiet) -> Embedder:
    """The embedder that KB_EMBEDDING_MODEL names: "" or "bundled" (unpacked into ``folder``), an id, a path, or "off"."""
    if model == "off":
        return OffEmbedder()
    if model in ("", "bundled"):
        from search.bundled_model import ensure_model

        return SentenceTransformerEmbedder(str(ensure_model(folder, progress)), dtype, threads=threads)
    return SentenceTransformerEmbedder(model, dtype, threads=threads)
