"""sentence-transformers in a process of its own, for embedding in bulk: the memory that torch takes goes with the process.

The worker reads one JSON line a call, {"texts": [...], "kind": ...}, and answers with the vectors' float32 values.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from search.errors import ModelError
from search.ports import Encode, Kind, Vector

_ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def torch_worker(model: Path, dtype: str, threads: int) -> Iterator[Encode]:
    """An ``encode`` that runs in another process; raises ModelError when that process fails."""
    command = [sys.executable, "-m", "search.torch_worker", str(model.resolve()), dtype, str(threads)]
    # Leaving the block closes both pipes and waits.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT) as worker:
        try:
            yield lambda texts, kind: _ask(worker, texts, kind)
        finally:
            worker.terminate()


def _ask(worker: subprocess.Popen[bytes], texts: Sequence[str], kind: Kind) -> Vector:
    assert worker.stdin and worker.stdout  # noqa: S101, both are pipes
    try:
        worker.stdin.write(json.dumps({"texts": list(texts), "kind": kind}).encode() + b"\n")
        worker.stdin.flush()
        size = worker.stdout.readline()
        values = worker.stdout.read(int(size))
    except (OSError, ValueError) as error:
        raise ModelError("The process that embeds in bulk ended early; is there memory enough? KB_EMBEDDING_DTYPE=auto takes less.") from error
    return np.frombuffer(values, dtype="<f4").reshape(len(texts), -1).astype(np.float32)


def main() -> None:
    """Answer until standard input ends."""
    model, dtype, threads = sys.argv[1:4]
    # Whatever a library prints must not get between the vectors.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from search.embedder import SentenceTransformerEmbedder

    embedder = SentenceTransformerEmbedder(model, dtype, threads=int(threads))
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        values = embedder.encode(asked["texts"], asked["kind"]).astype("<f4").tobytes()
        answers.write(b"%d\n" % len(values) + values)
        answers.flush()


if __name__ == "__main__":
    main()
