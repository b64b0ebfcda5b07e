"""The JSON Lines codec for documents, passages and articles.

pydantic derives it from their dataclasses.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class RecordCodec(Generic[T]):
    """Encodes and decodes values of one dataclass.

    A missing field gets its default; an unknown field is ignored.
    """

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def encode(self, value: T) -> bytes:
        """Encode a value as a line of JSON, with fields in dataclass order."""
        return self._adapter.dump_json(value) + b"\n"

    def decode(self, record: bytes) -> T:
        """Decode a line of JSON. Raises ValueError if it is not a valid record."""
        return self._adapter.validate_json(record)
