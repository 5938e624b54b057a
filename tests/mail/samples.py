"""One realistic example of every mail."""

import datetime
from pathlib import Path

import msgspec

from dueport_apps.mail.renderer import MailRenderer, RenderedMail
from dueport_apps.usecases.mails import (
    AccessLinkedNotice,
    AlreadyRegisteredMail,
    AnnouncementMail,
    EnrolmentCodeMail,
    EnrolmentNotice,
    LinkAskedMail,
    MailMessage,
    OperatorInviteMail,
    PaidLine,
    PaymentFacts,
    PaymentFailedMail,
    PaymentReturnedMail,
    PaymentSettledMail,
    ReceiptMail,
    ResetPasswordMail,
    SignInNotice,
    SignUpMail,
    SignUpWay,
    UsedCredit,
)
from dueport_ports import DealerFacts, InviteContent, InviteDelivery, UsernameSource
from dueport_ports.testing.invites import sample_invite

DEALER = DealerFacts(
    name="Hill Country Supply",
    reply_to="receivables@hillcountry.example.test",
    phone="(512) 555-0100",
    address="1200 Industrial Boulevard, Austin, TX 78741",
    time_zone="America/Chicago",
)

CARD_PAYMENT = PaymentFacts(
    account_name="Bluebonnet Custom Homes",
    account_no="10425",
    transaction_id="PAY-7F3K-92QX-4M",
    paid_on=datetime.date(2026, 7, 14),
    method="Visa",
    method_last_four="4242",
    lines=(
        PaidLine(
            document_ref="INV-20311",
            kind="Invoice",
            job="104 Oak Street Remodel",
            amount_cents=125_050,
            credit_cents=5_000,
            discount_cents=2_501,
        ),
        PaidLine(
            document_ref="INV-20345",
            kind="Invoice",
            job="117 Lakeside Duplex, Building B",
            amount_cents=1_048_275,
        ),
        PaidLine(document_ref="DM-8812", kind="Debit adjustment", amount_cents=1_840),
    ),
    credits=(UsedCredit(document_ref="CM-5519", amount_cents=5_000),),
    discount_cents=2_501,
    fee_cents=35_029,
    total_cents=1_202_693,
    payment_url="https://pay.hillcountry.example.test/payments/PAY-7F3K-92QX-4M",
)

BANK_PAYMENT = msgspec.structs.replace(
    CARD_PAYMENT,
    method="First Platypus Bank",
    method_last_four="6789",
    fee_cents=0,
    total_cents=1_167_664,
    paid_by="Maria Delgado",
)

PORTAL = "https://pay.hillcountry.example.test"
TOKEN = "mXb3wq8Jt0yQe7vKc5Rz1LdHs9UfNpAg"
_PAY_URL = f"{PORTAL}/outstanding"
_HAPPENED_AT = datetime.datetime(2026, 7, 14, 20, 5, tzinfo=datetime.UTC)


def announcement(how: SignUpWay, **account: str) -> AnnouncementMail:
    return AnnouncementMail(
        how=how,
        sign_in_url=f"{PORTAL}/sign-in",
        sign_up_url=f"{PORTAL}/sign-up",
        enrol_url=f"{PORTAL}/enrol",
        **account,
    )


MESSAGES: dict[str, MailMessage] = {
    "receipt_card": ReceiptMail(payment=CARD_PAYMENT, is_pending=False),
    "receipt_bank": ReceiptMail(
        payment=BANK_PAYMENT, is_pending=True, expected_on=datetime.date(2026, 7, 20)
    ),
    "payment_settled": PaymentSettledMail(
        payment=BANK_PAYMENT, settled_on=datetime.date(2026, 7, 20)
    ),
    "payment_failed": PaymentFailedMail(
        payment=BANK_PAYMENT,
        reason="The bank says the account does not hold enough money (R01).",
        pay_url=_PAY_URL,
    ),
    "payment_returned": PaymentReturnedMail(
        payment=BANK_PAYMENT,
        returned_on=datetime.date(2026, 7, 23),
        return_code="R01",
        reason="The account did not hold enough money.",
        return_fee_cents=3_500,
        pay_url=_PAY_URL,
    ),
    "sign_in_notice": SignInNotice(
        happened_at=datetime.datetime(2026, 7, 14, 20, 5, tzinfo=datetime.UTC),
        login="maria@bluebonnet.example.test",
        device="Firefox on Windows",
        client_ip="203.0.113.7",
        reset_url="https://pay.hillcountry.example.test/reset",
    ),
    "operator_invite": OperatorInviteMail(
        operator_name="Dana Whitfield",
        invited_by="Luis Ortega",
        role="Accounts receivable",
        setup_url="https://pay.hillcountry.example.test/operator/set-up/mXb3wq8Jt0yQe7vKc5Rz1LdHs9UfNpAg",
        expires_in_hours=48,
    ),
    "reset_password": ResetPasswordMail(
        login="maria@bluebonnet.example.test",
        reset_url="https://pay.hillcountry.example.test/reset/mXb3wq8Jt0yQe7vKc5Rz1LdHs9UfNpAg",
        expires_in_minutes=60,
    ),
    "sign_up": SignUpMail(
        account_name="Bluebonnet Custom Homes",
        account_no="10425",
        register_url=f"{PORTAL}/register/{TOKEN}",
        decline_url=f"{PORTAL}/decline/{TOKEN}",
        expires_at=datetime.datetime(2026, 7, 19, 20, 0, tzinfo=datetime.UTC),
    ),
    "already_registered": AlreadyRegisteredMail(
        login="maria@bluebonnet.example.test",
        sign_in_url=f"{PORTAL}/sign-in",
        reset_url=f"{PORTAL}/forgot",
    ),
    "link_asked": LinkAskedMail(
        account_name="Bluebonnet Custom Homes",
        account_no="10425",
        email="maria@bluebonnet.example.test",
        asked_at=_HAPPENED_AT,
        account_url=f"{PORTAL}/operator/customers/10425",
    ),
    "enrolment_code": EnrolmentCodeMail(code="042 917", expires_in_minutes=15),
    "enrolment_notice": EnrolmentNotice(
        account_name="Bluebonnet Custom Homes",
        account_no="10425",
        login="tom@bluebonnet.example.test",
        happened_at=_HAPPENED_AT,
        contact_url=f"{PORTAL}/contact",
    ),
    "access_linked": AccessLinkedNotice(
        account_name="Lakeside Duplex LLC",
        account_no="10571",
        login="maria@bluebonnet.example.test",
        happened_at=_HAPPENED_AT,
    ),
    "announcement_invitation": announcement(SignUpWay.INVITATION),
    "announcement_sign_up": announcement(SignUpWay.SIGN_UP),
    "announcement_code": announcement(
        SignUpWay.CODE,
        account_name="Bluebonnet Custom Homes",
        account_no="10425",
        enrolment_code="K7QW-3MPX-92TD",
    ),
}
"""Every built-in mail; those to the dealer's own people exist in English only."""

DEALERS_OWN = frozenset({"operator_invite", "link_asked"})
SPANISH = sorted(MESSAGES.keys() - DEALERS_OWN)


def renderer(*folders: Path, dealer: DealerFacts = DEALER) -> MailRenderer:
    return MailRenderer(list(folders), dealer, "https://pay.hillcountry.example.test")


def render_invite(
    delivery: InviteDelivery, dealer: DealerFacts = DEALER, **changes: object
) -> RenderedMail:
    """Prepare and render a sample invitation, as the platform does."""
    request = sample_invite(
        register_url=f"{PORTAL}/register/{TOKEN}",
        decline_url=f"{PORTAL}/decline/{TOKEN}",
        sign_in_url=f"{PORTAL}/sign-in",
        username_source=UsernameSource.EMAIL,
        **changes,
    )
    content = delivery.prepare(request)
    assert isinstance(content, InviteContent)
    mails = renderer(delivery.templates_folder(), dealer=dealer)
    return mails.render(content.template, content.values, request.language)
