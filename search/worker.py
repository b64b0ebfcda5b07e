"""A process that ranks and shows beside the one that serves: Python's lock lets one process use one processor at a time.

The process that serves keeps the model; a worker gets a question with its vector and answers with what it found. It opens the same build,
whose large files are mapped, so that both read them from the same memory, and what it found is told by rows of that build: a seventh of the size
of the texts. Messages are pickled between two processes of this program, over a pair of sockets that no other has.

    -> (bundle, calibration)              <- None, or why it cannot be opened
    -> Sought(query, vector, degraded)    <- Findings, or None where it could not
"""

from __future__ import annotations

import gc
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from threadpoolctl import threadpool_limits

from search import comparable, snippet
from search.answerability import Calibration
from search.bundle import reopen
from search.corpus import Corpus
from search.engine import Engine
from search.errors import BundleError, WorkerLost
from search.findings import Findings, Sought
from search.heap import without_collector
from search.processors import Processors, keep_to, usual
from search.store import PASSAGES_KEPT, open_corpus
from search.warming import OffEmbedder

_ROOT = Path(__file__).resolve().parents[1]
# Longer than any search takes; a worker that has not answered by then is given up.
PATIENCE_SECONDS = 20.0
# Questions that one worker has at once: one at work, and the next.
AT_ONCE = 2
# Opening a large build takes some seconds.
OPENING_SECONDS = 300.0


class Worker:
    """A worker process, seen from the one that serves; implements findings.Finder.

    Threads may share it. It answers in the order of asking, so that the next question lies there when it has answered one: it would
    else wait until a thread of this process has taken the answer and another has sent the next.
    """

    def __init__(self, processors: Processors = frozenset()) -> None:
        """``processors``: where it ranks for several who ask at once; anywhere where none are named. Raises WorkerLost when no process can be started."""
        self._processors, self._everywhere = processors, usual() if processors else processors
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "search.worker", str(theirs.fileno()), *map(str, sorted(processors))]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], cwd=_ROOT)
        except OSError as error:
            ours.close()
            raise WorkerLost(f"no process could be started: {error}") from error
        finally:
            theirs.close()
        self._connection = Connection(ours.detach())
        self._sending = threading.Lock()
        # Locks of those who wait for an answer, in the order of asking; the first one's is released.
        self._awaited: deque[threading.Lock] = deque()
        self._lost = False

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    def open(self, bundle: Path, calibration: Calibration) -> None:
        """Answer from this build from now on. Raises BundleError when it cannot be opened, WorkerLost."""
        problem = self._ask((bundle, calibration), OPENING_SECONDS)
        if problem is not None:
            raise BundleError(str(problem))

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def find(self, sought: Sought) -> Findings | None:
        """What is found for one question, None where it could not; raises WorkerLost."""
        # Who asks in company stays beside it, off the model's processors: Python's lock lets those threads use one at a time anyway.
        keep_to(self._everywhere if sought.alone else self._processors)
        findings = self._ask(sought, PATIENCE_SECONDS)
        return findings if isinstance(findings, Findings) else None

    def kill(self) -> None:
        """End the process; whoever waits for its answer gets WorkerLost."""
        self._process.kill()

    def close(self) -> None:
        """End the process. The connection goes with this object: somebody may still be about to hear that it has ended."""
        self._process.kill()
        self._process.wait()

    def _ask(self, message: object, patience: float) -> object:
        own = threading.Lock()
        own.acquire()
        with self._sending:
            self._send(message)
            self._awaited.append(own)
            if self._awaited[0] is own:
                own.release()
        own.acquire()
        try:
            return self._answer(patience)
        finally:
            with self._sending:
                self._awaited.popleft()
                if self._awaited:
                    self._awaited[0].release()

    def _send(self, message: object) -> None:
        try:
            _send(self._connection, message)
        except OSError as error:
            raise WorkerLost("its process has ended") from error

    def _answer(self, patience: float) -> object:
        # Once one has not been read, the next answer may be anybody's.
        if self._lost:
            raise WorkerLost("it did not answer the question before")
        self._lost = True
        try:
            if not self._connection.poll(patience):
                raise WorkerLost(f"it has not answered for {patience:.0f} seconds")
            answer = self._connection.recv()
        except (OSError, EOFError) as error:
            raise WorkerLost("its process has ended") from error
        self._lost = False
        return answer


def _send(connection: Connection, message: object) -> None:
    """As Connection.send does, which makes a pickler of its own for each message."""
    connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def main() -> None:
    """Answer until the other end is closed."""
    # Ctrl-C goes to all processes of a terminal; this one ends with the one that serves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1, "blas")
    connection = Connection(int(sys.argv[1]))
    ranking = frozenset(map(int, sys.argv[2:]))
    everywhere = usual() if ranking else ranking
    engine: Engine | None = None
    with suppress(EOFError):
        while True:
            message = connection.recv()
            if isinstance(message, Sought):
                keep_to(everywhere if message.alone else ranking)
                _send(connection, _found(engine, message))
            else:
                engine = None
                # Long work: it should not take the time of those who serve meanwhile.
                keep_to(everywhere)
                engine, problem = _opened(*message)
                _send(connection, problem)


def _opened(bundle: Path, calibration: Calibration) -> tuple[Engine | None, str | None]:
    """The engine, and why there is none."""
    try:
        with without_collector():
            # What the last build left is garbage now.
            gc.unfreeze()
            gc.collect()
            engine = Engine(open_corpus(reopen(bundle)), OffEmbedder(), calibration)
            read_through(engine.corpus)
            gc.freeze()
    except BundleError as error:
        return None, str(error)
    return engine, None


def read_through(corpus: Corpus) -> None:
    """Remember titles and passages as they are looked in, so that the first questions wait no longer than later ones."""
    for document in corpus.documents[: comparable.TEXTS_KEPT // 2]:
        comparable.comparable(document.title)
    for row in range(min(len(corpus.passage_documents), PASSAGES_KEPT)):
        snippet.remember(corpus.passage(row).text)


def _found(engine: Engine | None, sought: Sought) -> Findings | None:
    try:
        return engine.find(sought) if engine else None
    except Exception:  # the process that serves answers itself, and says what is wrong
        return None


if __name__ == "__main__":
    main()
