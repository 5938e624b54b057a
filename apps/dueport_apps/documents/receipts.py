"""Sets a payment's receipt as PDF, in a thread: typst releases the interpreter while it works."""

import asyncio
import zoneinfo
from pathlib import Path

import msgspec
import typst

from dueport_apps.documents.letterhead import printed_logo
from dueport_apps.logo import Logo
from dueport_apps.usecases.mails import PaymentFacts
from dueport_apps.usecases.receipts import ReceiptDocument
from dueport_ports import DealerFacts, dollars

FOLDER = Path(__file__).resolve().parent


class TypstReceipts:
    """Renders receipts in the dealer's name. Fonts are shipped; the system's are not looked at."""

    def __init__(self, dealer: DealerFacts, logo: Logo | None = None) -> None:
        self._dealer = dealer
        self._logo = printed_logo(logo, dealer.name)
        self._zone = zoneinfo.ZoneInfo(dealer.time_zone)

    async def render(self, receipt: ReceiptDocument) -> bytes:
        """Return the PDF; the same receipt gives the same page."""
        data = msgspec.json.encode(self._data(receipt)).decode()
        return await asyncio.to_thread(_compile, data)

    def _data(self, receipt: ReceiptDocument) -> dict[str, object]:
        facts = receipt.facts
        contact = " · ".join(
            filter(None, (self._dealer.address, self._dealer.phone, self._dealer.reply_to))
        )
        return {
            "title": "Receipt" if receipt.settled else "Payment submitted",
            "accent": self._dealer.brand_color,
            "logo": self._logo,
            "dealer": {"name": self._dealer.name, "contact": contact},
            "date": f"{receipt.paid_at.astimezone(self._zone):%B %-d, %Y, %-I:%M %p %Z}",
            "transaction_id": facts.transaction_id,
            "facts": _facts(receipt),
            "lines": [
                {
                    "kind": line.kind,
                    "document_ref": line.document_ref,
                    "job": line.job,
                    "amount": dollars(line.amount_cents),
                    "credit": _minus(line.credit_cents),
                    "discount": _minus(line.discount_cents),
                    "paid": dollars(line.amount_cents - line.credit_cents - line.discount_cents),
                }
                for line in facts.lines
            ],
            "sums": _sums(facts),
            "note": ""
            if receipt.settled
            else "This payment was submitted to the bank and is pending. It is not final until it "
            "has settled; we send another message then.",
        }


def _facts(receipt: ReceiptDocument) -> list[dict[str, str]]:
    facts = receipt.facts
    method = " ".join(
        filter(None, (facts.method, facts.method_last_four and f"•••• {facts.method_last_four}"))
    )
    return [
        {"label": "Account", "value": f"{facts.account_name} ({facts.account_no})"},
        {"label": "Transaction ID", "value": facts.transaction_id},
        {"label": "Payment method", "value": method},
        {"label": "Status", "value": receipt.status},
    ]


def _sums(facts: PaymentFacts) -> list[dict[str, object]]:
    subtotal = sum(line.amount_cents for line in facts.lines)
    rows = [
        ("Subtotal", subtotal, False),
        ("Credits", -sum(credit.amount_cents for credit in facts.credits), False),
        ("Discount", -facts.discount_cents, False),
        (facts.fee_name, facts.fee_cents, False),
    ]
    shown = [row for row in rows if row[1]]
    shown.append(("Total", facts.total_cents, True))
    return [
        {"label": label, "value": dollars(cents), "strong": strong}
        for label, cents, strong in shown
    ]


def _minus(cents: int) -> str:
    return dollars(-cents) if cents else ""


def _compile(data: str) -> bytes:
    pdf = typst.compile(
        str(FOLDER / "receipt.typ"),
        root=str(FOLDER),
        font_paths=[str(FOLDER / "fonts")],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
    )
    assert isinstance(pdf, bytes)
    return pdf
