"""What a payment method's page needs of the processor, kept with the session while it is entered.

A processor begins a collection once and tells then which scripts its form needs. The form is shown
by the request after that, perhaps by another process, and its scripts are asked for by a third; so
the answer waits, sealed, in the person's own session. Nothing in it is a secret of the deployment:
it is what the browser is given anyway.
"""

from typing import Any

import msgspec

from dueport_apps.usecases.collect_method import BegunCollect
from dueport_apps.web.customer.pages import AnyRequest
from dueport_apps.web.people import session_of
from dueport_ports import BrowserScript, CollectMode, SecretBox

COLLECTS_MAX = 3
KEY = "collects"


class OpenCollect(msgspec.Struct, frozen=True, kw_only=True):
    """One collection under way; ``quote_id`` is empty where only the script is wanted."""

    collect_id: str
    quote_id: str
    processor: str
    method: str
    mode: CollectMode
    redirect_url: str = ""
    bootstrap: dict[str, Any] = {}


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The newest collections, oldest first, and the scripts of their processors."""

    collects: tuple[OpenCollect, ...] = ()
    scripts: dict[str, BrowserScript] = {}

    def find(self, collect_id: str, quote_id: str) -> OpenCollect | None:
        """Return a collection of this quote while it is open."""
        for collect in self.collects:
            if (collect.collect_id, collect.quote_id) == (collect_id, quote_id):
                return collect
        return None

    def newest(self, quote_id: str) -> OpenCollect | None:
        """Return the quote's newest collection while one is open."""
        for collect in reversed(self.collects):
            if collect.quote_id == quote_id:
                return collect
        return None


def shelf_of(request: AnyRequest, box: SecretBox) -> Shelf:
    """Return what waits in the session."""
    sealed = session_of(request).data.get(KEY)
    return msgspec.json.decode(box.open(str(sealed)), type=Shelf) if sealed else Shelf()


async def put_on_shelf(
    request: AnyRequest, box: SecretBox, begun: BegunCollect, *, quote_id: str, method: str
) -> OpenCollect:
    """Keep what a processor answered for the pages that follow."""
    collect = OpenCollect(
        collect_id=begun.collect_id,
        quote_id=quote_id,
        processor=begun.processor,
        method=method,
        mode=begun.session.mode,
        redirect_url=begun.session.redirect_url,
        bootstrap=begun.session.bootstrap,
    )
    before = shelf_of(request, box)
    scripts = dict(before.scripts)
    if begun.session.script is not None:
        scripts[begun.processor] = begun.session.script
    shelf = Shelf(collects=(*before.collects, collect)[-COLLECTS_MAX:], scripts=scripts)
    await _save(request, box, shelf)
    return collect


async def clear_collects(request: AnyRequest, box: SecretBox) -> None:
    """Drop finished collections; scripts stay for a bank that asks the payer to confirm."""
    before = shelf_of(request, box)
    if before.collects:
        await _save(request, box, msgspec.structs.replace(before, collects=()))


async def _save(request: AnyRequest, box: SecretBox, shelf: Shelf) -> None:
    session = session_of(request)
    sealed = box.seal(msgspec.json.encode(shelf).decode())
    await session.save({**session.data, KEY: sealed})
