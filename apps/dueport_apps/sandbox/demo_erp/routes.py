"""The demo ERP's pages below `/erp`, and the same receipts as JSON."""

import datetime
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from dueport_apps.sandbox.demo_erp.erp import DemoErp
from dueport_apps.sandbox.demo_erp.money import amount_text, dollars
from dueport_apps.sandbox.demo_erp.records import Entry, Imported

PATH: Final = "/erp"
PER_PAGE: Final = 50
RECEIPTS_SHOWN: Final = 100
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_WORDS: Final = {
    "payment": "Payment",
    "credit_applied": "Credit applied",
    "credit_used": "Credit used up",
    "discount": "Discount",
}


def create_erp_router(erp: DemoErp, zone: datetime.tzinfo, home: str = "/") -> Router:
    """Return the routes; times are shown in the dealer's zone, `home` is what pages lead back to."""
    pages = _Pages(erp, zone, home)

    @get("/")
    async def overview(q: FromQuery[str] = "", page: FromQuery[int] = 1) -> Response[str]:
        """Show receipts and accounts."""
        return pages.overview(q.strip(), max(1, page))

    @get("/accounts/{account_no:str}")
    async def account(account_no: FromPath[str]) -> Response[str]:
        """Show one account with its open documents and its receipts."""
        return pages.account(account_no)

    @get("/receipts.json")
    async def receipts() -> list[dict[str, Any]]:
        """Return every imported line, newest first."""
        return [_as_json(one, entry) for one, entry in erp.receipts()]

    @post("/end-of-day")
    async def end_of_day() -> Redirect:
        """Apply what waits and deliver."""
        await erp.end_day()
        return Redirect(PATH, status_code=303)

    @get("/erp.css")
    async def styles() -> Response[bytes]:
        """Serve the style sheet."""
        file = resources.files("dueport_apps.sandbox.demo_erp") / "pages" / "erp.css"
        return Response(file.read_bytes(), media_type="text/css; charset=utf-8")

    return Router(PATH, route_handlers=[overview, account, receipts, end_of_day, styles])


class _Pages:
    """Renders the pages."""

    def __init__(self, erp: DemoErp, zone: datetime.tzinfo, home: str) -> None:
        self._erp = erp
        self._zone = zone
        self._home = home
        self._templates = Environment(
            loader=PackageLoader("dueport_apps.sandbox.demo_erp", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["dollars"] = dollars

    def overview(self, query: str, page: int) -> Response[str]:
        accounts = [
            one for one in self._erp.books.balances() if _meant(query, one.account_no, one.name)
        ]
        receipts = self._receipts(query)
        count, cents = self._erp.books.totals()
        return self._page(
            "overview.html",
            query=query,
            accounts=accounts[(page - 1) * PER_PAGE : page * PER_PAGE],
            matching=len(accounts),
            page=page,
            pages=max(1, -(-len(accounts) // PER_PAGE)),
            first=(page - 1) * PER_PAGE + 1,
            address=lambda number: f"{PATH}?{urlencode({'q': query, 'page': number})}#accounts",
            receipts=receipts[:RECEIPTS_SHOWN],
            receipt_count=len(receipts),
            open_documents=count,
            open_cents=cents,
            waiting=self._erp.waiting,
            by_hand=self._erp.settings.applies == "end_of_day",
            refusals=[
                {"file": one.file, "reason": one.refused, "at": self._time(one.at)}
                for one in self._erp.refusals
            ],
            ledger_accounts=self._ledger_accounts(),
        )

    def account(self, account_no: str) -> Response[str]:
        found = [one for one in self._erp.books.balances() if one.account_no == account_no]
        if not found:
            raise NotFoundException(f"there is no account {account_no}")
        return self._page(
            "account.html",
            account=found[0],
            documents=self._erp.books.open_documents(account_no),
            receipts=[one for one in self._receipts("") if one["account_no"] == account_no],
        )

    def _receipts(self, query: str) -> list[dict[str, Any]]:
        names = self._erp.books.accounts
        return [
            {
                "time": self._time(imported.at),
                "instant": imported.at.isoformat(timespec="seconds"),
                "check_no": entry.check_no,
                "account_no": entry.account_no,
                "account": names.get(entry.account_no, {}).get("name", ""),
                "document_id": entry.document_id,
                "what": _WORDS[entry.kind],
                "method": entry.method.upper() if entry.method == "ach" else entry.method,
                "amount_cents": entry.amount_cents,
                "discount_cents": entry.discount_cents,
                "settlement_ref": entry.settlement_ref,
            }
            for imported, entry in self._erp.receipts()
            if _meant(
                query,
                entry.check_no,
                entry.document_id,
                entry.account_no,
                names.get(entry.account_no, {}).get("name", ""),
                entry.settlement_ref,
            )
        ]

    def _ledger_accounts(self) -> list[tuple[str, int, int]]:
        sums: dict[str, tuple[int, int]] = {}
        for line in self._erp.journal():
            debit, credit = sums.get(line.account, (0, 0))
            sums[line.account] = (debit + line.debit_cents, credit + line.credit_cents)
        return [(account, *pair) for account, pair in sorted(sums.items())]

    def _time(self, at: datetime.datetime) -> str:
        return at.astimezone(self._zone).strftime("%b %d, %Y %H:%M:%S")

    def _page(self, name: str, **values: Any) -> Response[str]:
        content = self._templates.get_template(name).render(path=PATH, home=self._home, **values)
        headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
        return Response(content, media_type="text/html; charset=utf-8", headers=headers)


def _meant(query: str, *texts: str) -> bool:
    """Whether a search means one of the texts: by a part of it, whatever the case."""
    wanted = query.casefold().replace("'", "’")
    return any(wanted in text.casefold().replace("'", "’") for text in texts)


def _as_json(imported: Imported, entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "receipt_key": entry.receipt_key,
        "check_no": entry.check_no,
        "account_no": entry.account_no,
        "job_no": entry.job_no,
        "document_id": entry.document_id,
        "method": entry.method,
        "processor_ref": entry.processor_ref,
        "settlement_ref": entry.settlement_ref,
        "received_on": entry.received_on,
        "amount": amount_text(entry.amount_cents),
        "amount_cents": entry.amount_cents,
        "discount_cents": entry.discount_cents,
        "imported_at": imported.at.isoformat(),
        "file": imported.file,
    }
