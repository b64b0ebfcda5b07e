"""Layout of an index on disk: one folder a build, a manifest with checksums, a CURRENT file that names the one served.

A bundle is written whole beside the others, flushed, verified, renamed, and only then named in CURRENT with one atomic
replacement. Killed at any point, a build leaves CURRENT as it was.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from search.analysis import analyzer
from search.checksums import sha256_of
from search.errors import BuildInProgressError, BundleError
from search.vectors.cosine_scale import Scale

log = logging.getLogger("search.index.bundle")

SCHEMA = 7
MANIFEST = "manifest.json"
CURRENT = "CURRENT"
KEEP = 3
# Files that are put on the disk at once, and read through for their checksums.
SEALERS, READERS = 4, 2
_UNFINISHED = ".building-"
Checksum = tuple[int, str]
"""(bytes, hex SHA-256)."""
_REBUILD = "Run: python -m indexer build"


@dataclass(frozen=True)
class ModelStamp:
    """Which model made the vectors, and how its cosines are spread."""

    fingerprint: str
    dimension: int
    scale: Scale | None = None
    question_scale: Scale | None = None


@dataclass(frozen=True)
class Bundle:
    """One build on disk, verified. ``checksums`` has those of its files by name."""

    path: Path
    model: ModelStamp | None
    counts: Mapping[str, int]
    created: str
    checksums: Mapping[str, Checksum] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The build id: sorts by time."""
        return self.path.name


class Builds:
    """The folder that holds the builds, e.g. var/index."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current_name(self) -> str | None:
        """The build named in CURRENT, whether or not it can be opened."""
        try:
            return (self.root / CURRENT).read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def names(self) -> list[str]:
        """Finished builds, newest first."""
        if not self.root.is_dir():
            return []
        return sorted(
            (
                path.name
                for path in self.root.iterdir()
                if (path / MANIFEST).is_file() and path.name[0] != "."
            ),
            reverse=True,
        )

    def open_current(self) -> Bundle:
        """The current build, else the newest before it that is whole; raises BundleError when there is none."""
        current = self.current_name()
        names = ([current] if current else []) + [name for name in self.names() if name != current]
        problems: list[str] = []
        for name in names:
            try:
                bundle = open_bundle(self.root / name)
            except BundleError as error:
                log.error("index %s is not served: %s", name, error)
                problems.append(str(error))
                continue
            return bundle
        raise BundleError(
            problems[0] if problems else f"There is no index in {self.root}. {_REBUILD}"
        )

    @contextmanager
    def building(self) -> Iterator[Path]:
        """An empty folder to build into, under the lock that lets one builder work at a time.

        Raises BuildInProgress when another one does. What is left of a killed build is removed first.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BuildInProgressError(
                f"Another build is at work in {self.root}; wait for it to end, then try again."
            ) from error
        try:
            for left in self.root.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left, ignore_errors=True)
            work = self.root / f"{_UNFINISHED}{os.getpid()}"
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
        finally:
            lock.release()

    def publish(
        self,
        work: Path,
        model: ModelStamp | None,
        counts: Mapping[str, int],
        known: Mapping[str, Checksum],
    ) -> Bundle:
        """Seal ``work`` with its manifest and make it the current build; ``known`` are the checksums of files taken over or sealed before."""
        checksums = {
            **seal(work, [path for name, path in _files(work) if name not in known]),
            **known,
        }
        manifest = {
            "schema": SCHEMA,
            "analyser": analyzer.VERSION,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": _stamp_to_json(model),
            "counts": dict(counts),
            "files": {name: list(value) for name, value in checksums.items()},
        }
        _write_flushed(work / MANIFEST, json.dumps(manifest, indent=1))
        for path in [work, *(path for path in work.rglob("*") if path.is_dir())]:
            _flush_folder(path)
        target = self.root / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
        os.replace(work, target)
        _flush_folder(self.root)
        bundle = _read(target)
        _check_sizes(bundle)
        # Its checksums were taken from what is there.
        _found_whole[target] = _state_of(bundle)
        staged = self.root / f".{CURRENT}.{os.getpid()}"
        _write_flushed(staged, target.name + "\n")
        os.replace(staged, self.root / CURRENT)
        _flush_folder(self.root)
        return bundle

    def prune(self, keep: int = KEEP, used: str = "") -> None:
        """Remove all but the newest ``keep`` builds; never the current one, nor the one that is ``used``."""
        kept = {self.current_name(), used}
        for name in [name for name in self.names() if name not in kept][keep - 1 :]:
            shutil.rmtree(self.root / name, ignore_errors=True)
            _found_whole.pop(self.root / name, None)


def open_bundle(path: Path) -> Bundle:
    """Read a build's manifest and verify its files; raises BundleError naming the file and what to run."""
    bundle = _read(path)
    verify(bundle)
    return bundle


def reopen(path: Path) -> Bundle:
    """Read the manifest of a build that another process has opened, and so verified; raises BundleError."""
    return _read(path)


def _read(path: Path) -> Bundle:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        schema, analyser = manifest["schema"], manifest["analyser"]
        checksums = {
            name: (int(value[0]), str(value[1])) for name, value in manifest["files"].items()
        }
        bundle = Bundle(
            path,
            _stamp_from_json(manifest["model"]),
            manifest["counts"],
            manifest["created"],
            checksums,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{path / MANIFEST} cannot be read ({error}). {_REBUILD}") from error
    if schema != SCHEMA:
        raise BundleError(
            f"{path} has index schema {schema}; this version reads {SCHEMA}. {_REBUILD}"
        )
    if analyser != analyzer.VERSION:
        raise BundleError(
            f"{path} was analysed by version {analyser}; this is version {analyzer.VERSION}. {_REBUILD}"
        )
    return bundle


# Builds that this process has written or verified, and how their files were then.
_found_whole: dict[Path, list[tuple[int, ...]]] = {}


def verify(bundle: Bundle) -> None:
    """Compare every file with the manifest; raises BundleError naming the first that differs.

    Files that this process has compared before, and nobody has touched since, are not read through again: each edit would read
    the whole build before it.
    """
    state = _state_of(bundle)
    if state and _found_whole.get(bundle.path) == state:
        return

    def differs(name: str) -> str:
        try:
            found = checksum(bundle.path / name)
        except OSError as error:
            return f"{bundle.path / name} cannot be read ({error}). {_REBUILD}"
        return (
            ""
            if found == bundle.checksums[name]
            else f"{bundle.path / name} is damaged: its checksum differs from the manifest's. {_REBUILD}"
        )

    with ThreadPoolExecutor(READERS, "verifying") as pool:
        problem = next((found for found in pool.map(differs, bundle.checksums) if found), "")
    if problem:
        raise BundleError(problem)
    _found_whole[bundle.path] = state


def _state_of(bundle: Bundle) -> list[tuple[int, ...]]:
    """What changes when somebody touches one of the files; empty where one is missing."""
    try:
        found = [(bundle.path / name).stat() for name in bundle.checksums]
    except OSError:
        return []
    return [(one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]


def checksum(path: Path) -> Checksum:
    """(bytes, hex SHA-256) of a file."""
    return path.stat().st_size, sha256_of(path)


def _check_sizes(bundle: Bundle) -> None:
    for name, (size, _digest) in bundle.checksums.items():
        if (bundle.path / name).stat().st_size != size:
            raise BundleError(
                f"{bundle.path / name} was written short; is the disk full? {_REBUILD}"
            )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield path.relative_to(folder).as_posix(), path


def _write_flushed(path: Path, content: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def seal(work: Path, paths: Iterable[Path]) -> dict[str, Checksum]:
    """The checksums of files below ``work`` by their names in it; they are on the disk then."""

    def sealed(path: Path) -> Checksum:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return checksum(path)

    files = {path.relative_to(work).as_posix(): path for path in paths}
    # The disk is waited for, and reading through does without Python's lock.
    with ThreadPoolExecutor(SEALERS, "sealing") as pool:
        return dict(zip(files, pool.map(sealed, files.values()), strict=True))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stamp_to_json(model: ModelStamp | None) -> dict[str, Any] | None:
    if model is None:
        return None
    scales = {
        name: [scale.mean, scale.spread] if scale else None
        for name, scale in (("scale", model.scale), ("question_scale", model.question_scale))
    }
    return {"fingerprint": model.fingerprint, "dimension": model.dimension, **scales}


def _stamp_from_json(value: dict[str, Any] | None) -> ModelStamp | None:
    if value is None:
        return None
    scales = [Scale(*value[name]) if value[name] else None for name in ("scale", "question_scale")]
    return ModelStamp(value["fingerprint"], value["dimension"], *scales)
