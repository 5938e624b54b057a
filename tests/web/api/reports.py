"""What a mail server writes when a mail came back."""

from dueport_apps.usecases.mail_records import MailDelivery
from tests.world import World

HOST = "cedaryard.example"


async def last_mail(world: World, account_no: str) -> MailDelivery:
    """Return the newest mail of the account's invitations."""
    async with world.container.uow()() as uow:
        return (await uow.mail.of_account(account_no))[-1]


def message_id(delivery: MailDelivery) -> str:
    return f"<{delivery.delivery_id.lower()}@{HOST}>"


def status_part(
    address: str, *, action: str = "failed", status: str = "5.1.1", said: str = "no such user"
) -> bytes:
    """Return the machine's part of a report."""
    return (
        "Reporting-MTA: dns; mx.harbor.example\r\n"
        "\r\n"
        f"Final-Recipient: rfc822; {address}\r\n"
        f"Action: {action}\r\n"
        f"Status: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} {said}\r\n"
    ).encode()


def report(original: str, address: str, **changes: str) -> bytes:
    """Return a whole report about the mail with this Message-ID."""
    return (
        b"From: MAILER-DAEMON@mx.harbor.example\r\n"
        b"To: ar@cedaryard.example\r\n"
        b"Subject: Undelivered Mail Returned to Sender\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="edge"\r\n'
        b"\r\n--edge\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        b"--edge\r\nContent-Type: message/delivery-status\r\n\r\n"
        + status_part(address, **changes)
        + b"\r\n--edge\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        + f"Message-ID: {original}\r\nSubject: Pay online\r\n".encode()
        + b"\r\n--edge--\r\n"
    )
