"""Keeps worker processes on the engine that is served: starts them, moves them to a newer build, and replaces those that are lost."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from search.engine import Engine
from search.errors import SearchError
from search.processors import Processors
from search.worker import AT_ONCE, Worker

log = logging.getLogger("search.workers")
# How often it is looked after those that are lost.
LOOK_SECONDS = 1.0
# How long to wait after one was lost; twice as long each time it is again, up to the longest.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


@dataclass
class _Place:
    """Where one worker belongs: it and the engine whose turns it takes, and when to start another."""

    worker: Worker | None = None
    engine: Engine | None = None
    pause: float = SHORTEST_PAUSE
    not_before: float = 0.0


class Workers:
    """``count`` worker processes, looked after in a thread of their own; they rank on ``processors``, anywhere where none are named."""

    def __init__(self, count: int, processors: Processors = frozenset()) -> None:
        self._processors = processors
        self._places = [_Place() for _ in range(count)]
        self._wanted: tuple[Engine, Path] | None = None
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(self, engine: Engine, bundle: Path) -> None:
        """Take turns of this engine, which serves the build in the folder ``bundle``, from now on. Returns at once."""
        self._wanted = engine, bundle
        self._wake.set()

    def start(self) -> None:
        """Begin to look after the workers."""
        self._thread = threading.Thread(target=self._run, name="search-workers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all of them."""
        self._stopped.set()
        self._wake.set()
        for place in self._places:
            if place.worker is not None:
                place.worker.kill()
        if self._thread is not None:
            self._thread.join()
        for place in self._places:
            self._end(place)

    def processes(self) -> list[int]:
        """The process ids of those that take turns."""
        return [place.worker.process for place in self._places if place.worker and place.engine]

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            for place in self._places:
                wanted = self._wanted
                if wanted is not None and not self._stopped.is_set():
                    self._look_after_safely(place, *wanted)

    def _look_after_safely(self, place: _Place, engine: Engine, bundle: Path) -> None:
        try:
            self._look_after(place, engine, bundle)
        except Exception:  # whatever it was, the others are looked after, and this one again after a pause
            log.exception("a search worker could not be looked after; searches go on without it")
            self._give_up(place)

    def _look_after(self, place: _Place, engine: Engine, bundle: Path) -> None:
        if place.worker is not None and not self._is_well(place):
            self._give_up(place)
        if place.engine is engine or time.monotonic() < place.not_before:
            return
        try:
            self._move(place, engine, bundle)
        except SearchError as error:
            if not self._stopped.is_set():
                log.warning("a search worker could not open %s: %s", bundle.name, error)
            self._give_up(place)

    def _is_well(self, place: _Place) -> bool:
        assert place.worker is not None  # noqa: S101, asked for workers only
        return place.worker.alive and (place.engine is None or place.engine.turns.has(place.worker))

    def _move(self, place: _Place, engine: Engine, bundle: Path) -> None:
        if place.worker is None:
            place.worker = Worker(self._processors)
        if place.engine is not None:
            place.engine.turns.leave(place.worker)
            place.engine = None
        place.worker.open(bundle, engine.calibration)
        engine.turns.join(place.worker, AT_ONCE)
        place.engine = engine
        log.info("search worker %d serves index %s", place.worker.process, engine.version)

    def _give_up(self, place: _Place) -> None:
        self._end(place)
        place.not_before = time.monotonic() + place.pause
        place.pause = min(LONGEST_PAUSE, 2 * place.pause)

    def _end(self, place: _Place) -> None:
        if place.worker is not None:
            if place.engine is not None:
                place.engine.turns.lose(place.worker)
            place.worker.close()
        place.worker = place.engine = None
