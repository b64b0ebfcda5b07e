"""Cleans the texts of a request at the door: what no database can store is taken out."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.utils import cached_property

from kb_app.db.writing import storable

Texts = MultiDict[str, str]


class SiteRequest(Request):
    """A request whose arguments and form fields hold no NUL and no lone surrogates."""

    @cached_property
    def args(self) -> Texts:
        """The arguments in the URL."""
        return _cleaned(super().args)

    def _load_form_data(self) -> None:
        if "form" not in self.__dict__:
            super()._load_form_data()
            self.__dict__["form"] = _cleaned(self.__dict__["form"])


def set_up(app: Flask) -> None:
    """Use the cleaning request, and clean the variable parts of paths too."""
    app.request_class = SiteRequest
    app.url_value_preprocessor(_clean_path)


def _clean_path(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    for name, value in (values or {}).items():
        if isinstance(value, str) and values is not None:
            values[name] = storable(value)


def _cleaned(given: Texts) -> Texts:
    return ImmutableMultiDict(
        [(storable(name), storable(value)) for name, value in given.items(multi=True)]
    )
