"""Opaque cursors of keyset-paged lists.

A cursor says after which row a page begins, and which order it belongs to: a cursor of one order
makes no sense in another. The check sum is no secret, because a cursor grants nothing; it only
tells a mangled one from ours.
"""

import base64
import binascii
import hashlib
import types
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, tuple_

from dueport_core.errors import Invalid

_CHECK_BYTES = 6
_REFUSAL = "This page of the list does not exist; start again from the first page."

_Query = TypeVar("_Query", bound=Select[Any])


def keyset(
    query: _Query,
    *,
    order: str,
    columns: Sequence[ColumnElement[Any]],
    descending: bool,
    after: str | None,
    limit: int,
) -> _Query:
    """Order a query by columns whose combination is unique, and start it after the cursor.

    One row more than `limit` is selected; `page_of` uses it to tell whether there is a next page.
    """
    ordered = query.order_by(*(column.desc() if descending else column for column in columns))
    if after is not None:
        place = tuple_(
            *decode(order, after, [column.type.python_type for column in columns]),
            types=[column.type for column in columns],
        )
        keys = tuple_(*columns)
        ordered = ordered.where(keys < place if descending else keys > place)
    return ordered.limit(limit + 1)


def encode(order: str, key: Sequence[Any]) -> str:
    """Return the cursor that continues after the row with this key."""
    content = msgspec.json.encode([order, *key])
    return base64.urlsafe_b64encode(_check(content) + content).decode().rstrip("=")


def decode(order: str, cursor: str, kinds: Sequence[type[Any]]) -> list[Any]:
    """Return the key in a cursor; raises Invalid for one that is not ours or of another order."""
    expected: Any = types.GenericAlias(tuple, (str, *kinds))
    try:
        whole = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        check, content = whole[:_CHECK_BYTES], whole[_CHECK_BYTES:]
        if check != _check(content):
            raise Invalid(_REFUSAL)
        made_for, *key = msgspec.json.decode(content, type=expected)
    except (ValueError, binascii.Error):
        raise Invalid(_REFUSAL) from None
    if made_for != order:
        raise Invalid(_REFUSAL)
    return list(key)


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES, person=b"dueport-cursor").digest()
