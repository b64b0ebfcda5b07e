"""Values to lines of JSON and back: the one codec of documents, passages and articles, made of their dataclasses by pydantic."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class RecordCodec(Generic[T]):
    """Writes and reads values of one dataclass. A field that a record lacks gets its default; one that is unknown is ignored."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def encode(self, value: T) -> bytes:
        """A line of JSON, fields in the order of the dataclass."""
        return self._adapter.dump_json(value) + b"\n"

    def decode(self, record: bytes) -> T:
        """The value of a line. Raises ValueError where it is no such record."""
        return self._adapter.validate_json(record)
