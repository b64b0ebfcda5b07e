"""What costs seconds in every test and is not what the tests are about is done once or cheaply."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from kb_app.accounts import store
from kb_app.services import container
from tests.support import migrate_quickly


class _SharedTemplates(BytecodeCache):
    """Templates compiled once for all applications of a test run."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Passwords cost little to check, and templates are compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": _SharedTemplates()})
        yield


@pytest.fixture(scope="session", autouse=True)
def empty_databases() -> Iterator[None]:
    """New SQLite databases are copies of one that was migrated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container, "migrate", migrate_quickly)
        yield
