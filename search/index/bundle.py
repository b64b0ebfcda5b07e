"""On-disk layout of the index: one folder per build, a manifest with checksums, a CURRENT file.

A build writes a complete bundle next to the others, flushes, verifies and renames it, then names
it in CURRENT with one atomic replace. A build killed at any point leaves CURRENT unchanged.
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

SCHEMA = 9
MANIFEST = "manifest.json"
CURRENT = "CURRENT"
KEEP = 3
# Threads that flush files to disk, and threads that compute checksums.
SEALERS, READERS = 4, 2
_UNFINISHED = ".building-"
Checksum = tuple[int, str]
"""(bytes, hex SHA-256)."""
_REBUILD = "Run: python -m indexer build"


@dataclass(frozen=True)
class ModelStamp:
    """The model that produced the vectors, and the scale of its cosines."""

    fingerprint: str
    dimension: int
    scale: Scale | None = None
    question_scale: Scale | None = None


@dataclass(frozen=True)
class Bundle:
    """One verified build on disk. ``checksums`` maps file names to checksums."""

    path: Path
    model: ModelStamp | None
    counts: Mapping[str, int]
    created: str
    checksums: Mapping[str, Checksum] = field(default_factory=dict)
    built_from: str = ""

    @property
    def name(self) -> str:
        """The name of its folder; names sort by build time."""
        return self.path.name

    @property
    def version(self) -> str:
        """The version of what it was built from: the same at every node that built it."""
        return self.built_from or self.name


class Builds:
    """The folder that holds the builds, e.g. var/index."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current_name(self) -> str | None:
        """The build named in CURRENT, even if it cannot be opened; None if there is none."""
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
        """Open the current build, or else the newest other build that is intact.

        Raises BundleError if there is none.
        """
        current = self.current_name()
        names = ([current] if current else []) + [name for name in self.names() if name != current]
        problems: list[str] = []
        for name in names:
            try:
                bundle = open_bundle(self.root / name)
            except BundleError as error:
                log.error("index build %s is skipped: %s", name, error)
                problems.append(str(error))
                continue
            return bundle
        raise BundleError(
            problems[0] if problems else f"There is no index in {self.root}. {_REBUILD}"
        )

    @contextmanager
    def building(self) -> Iterator[Path]:
        """Yield an empty folder to build into, holding the lock that allows one build at a time.

        Raises BuildInProgressError if another build is running. Removes the remains of killed
        builds first.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BuildInProgressError(
                f"Another build is at work in {self.root}. Wait until it ends, then try again."
            ) from error
        try:
            for unfinished in self.root.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(unfinished, ignore_errors=True)
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
        built_from: str = "",
    ) -> Bundle:
        """Write the manifest of ``work`` and make it the current build.

        ``built_from`` is the version of what it was built from. ``known`` holds the checksums of
        files that were copied from the previous build or sealed before. Raises BundleError if a
        file on disk has the wrong size.
        """
        checksums = {
            **seal(work, [path for name, path in _files(work) if name not in known]),
            **known,
        }
        manifest = {
            "schema": SCHEMA,
            "analyser": analyzer.VERSION,
            "built_from": built_from,
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
        # Already verified: the checksums were computed from these files.
        _found_whole[target] = _state_of(bundle)
        staged = self.root / f".{CURRENT}.{os.getpid()}"
        _write_flushed(staged, target.name + "\n")
        os.replace(staged, self.root / CURRENT)
        _flush_folder(self.root)
        return bundle

    def prune(self, keep: int = KEEP, used: str = "") -> None:
        """Remove all but the newest ``keep`` builds; never the current build or ``used``."""
        keep_names = {self.current_name(), used}
        for name in [name for name in self.names() if name not in keep_names][keep - 1 :]:
            shutil.rmtree(self.root / name, ignore_errors=True)
            _found_whole.pop(self.root / name, None)


def open_bundle(path: Path) -> Bundle:
    """Read a build's manifest and verify its files.

    Raises BundleError that names the file and the command to run.
    """
    bundle = _read(path)
    verify(bundle)
    return bundle


def reopen(path: Path) -> Bundle:
    """Read the manifest of a build that another process has already verified.

    Raises BundleError if the manifest cannot be used.
    """
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
            manifest.get("built_from", ""),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{path / MANIFEST} cannot be read ({error}). {_REBUILD}") from error
    if schema != SCHEMA:
        raise BundleError(
            f"{path} has index schema {schema}; this version reads {SCHEMA}. {_REBUILD}"
        )
    if analyser != analyzer.VERSION:
        raise BundleError(
            f"{path} was built with analyzer version {analyser}; "
            f"this version uses {analyzer.VERSION}. {_REBUILD}"
        )
    return bundle


# Builds that this process wrote or verified, with the state of their files at that time.
_found_whole: dict[Path, list[tuple[int, ...]]] = {}


def verify(bundle: Bundle) -> None:
    """Compare every file with the manifest; raises BundleError naming the first that differs.

    Files that this process verified before and that are unchanged since are not read again:
    otherwise each edit would read the whole previous build.
    """
    state = _state_of(bundle)
    if state and _found_whole.get(bundle.path) == state:
        return

    def differs(name: str) -> str:
        try:
            actual = checksum(bundle.path / name)
        except OSError as error:
            return f"{bundle.path / name} cannot be read ({error}). {_REBUILD}"
        return (
            ""
            if actual == bundle.checksums[name]
            else f"{bundle.path / name} is damaged: its checksum differs from the manifest. "
            + _REBUILD
        )

    with ThreadPoolExecutor(READERS, "verifying") as pool:
        problem = next((text for text in pool.map(differs, bundle.checksums) if text), "")
    if problem:
        raise BundleError(problem)
    _found_whole[bundle.path] = state


def _state_of(bundle: Bundle) -> list[tuple[int, ...]]:
    """(inode, bytes, mtime, ctime) of each file, times in ns; empty if a file is missing."""
    try:
        stats = [(bundle.path / name).stat() for name in bundle.checksums]
    except OSError:
        return []
    return [(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats]


def checksum(path: Path) -> Checksum:
    """(bytes, hex SHA-256) of a file."""
    return path.stat().st_size, sha256_of(path)


def _check_sizes(bundle: Bundle) -> None:
    for name, (size, _digest) in bundle.checksums.items():
        if (bundle.path / name).stat().st_size != size:
            raise BundleError(
                f"{bundle.path / name} is incomplete. Check the free disk space. {_REBUILD}"
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
    """Flush files below ``work`` to disk; returns their checksums by name relative to it."""

    def sealed(path: Path) -> Checksum:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return checksum(path)

    files = {path.relative_to(work).as_posix(): path for path in paths}
    # Threads help: flushing waits for the disk, and hashing releases the GIL.
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
