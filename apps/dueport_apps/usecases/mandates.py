"""The ACH authorization: the text a payer accepts, and the proof that they did.

Nacha asks for clear terms, the payer's assent and a record of both that is kept for two years
after the authorization ends. Business accounts are debited as CCD entries, consumers' as WEB.
"""

import datetime
import hashlib

from dueport_apps.usecases.payment_records import MandateRecord
from dueport_apps.usecases.records import PortalUser, Principal
from dueport_core.ach import SecCode
from dueport_core.payments import Payment
from dueport_ports import Instrument, dollars


def sec_code(instrument: Instrument) -> SecCode:
    """Return the entry class: WEB for a consumer's account, CCD otherwise."""
    return SecCode.for_account(is_business=instrument.holder != "person")


def mandate_text(
    *, dealer_name: str, instrument: Instrument, total_cents: int, today: datetime.date
) -> str:
    """Return the exact words that the payer sees and accepts."""
    words = (
        f"I authorize {dealer_name} to electronically debit my account {instrument.label} for "
        f"{dollars(total_cents)} on or after {today:%B} {today.day}, {today.year} and, if "
        "necessary, to credit it to correct erroneous debits. I may revoke this authorization by "
        f"contacting {dealer_name} before the debit is sent to the bank."
    )
    if sec_code(instrument) is SecCode.CCD:
        words += " The company agrees to be bound by the Nacha Operating Rules."
    return words


def mandate_record(
    *,
    payment: Payment,
    instrument: Instrument,
    user: PortalUser,
    dealer_name: str,
    today: datetime.date,
    now: datetime.datetime,
    by: Principal,
) -> MandateRecord:
    """Return the immutable record of one accepted authorization."""
    text = mandate_text(
        dealer_name=dealer_name,
        instrument=instrument,
        total_cents=payment.total_cents,
        today=today,
    )
    return MandateRecord(
        payment_id=payment.payment_id,
        user_id=user.user_id,
        text=text,
        text_hash=hashlib.sha256(text.encode()).hexdigest(),
        sec_code=sec_code(instrument).value,
        account_label=instrument.label,
        accepted_at=now,
        client_ip=by.client_ip,
        user_agent=by.user_agent,
    )
