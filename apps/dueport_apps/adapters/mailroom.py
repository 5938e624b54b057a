"""Renders a mail when it is queued and keeps it sealed until it is sent.

What is mailed is what was true when it was queued; a template that fails does so in the request
that caused the mail, not hours later in a worker. The database never shows a link that works.
"""

from collections.abc import Sequence

import msgspec

from dueport_apps.mail.renderer import MailRenderer
from dueport_apps.usecases.mails import MailMessage
from dueport_apps.usecases.records import MailDelivery
from dueport_apps.usecases.services import Ids
from dueport_apps.usecases.unit_of_work import UnitOfWork
from dueport_ports import Attachment, Clock, InviteContent, OutgoingEmail, SecretBox


class SealingMailroom:
    def __init__(
        self,
        renderer: MailRenderer,
        box: SecretBox,
        ids: Ids,
        clock: Clock,
        *,
        from_address: str,
        from_name: str,
        reply_to: str,
    ) -> None:
        self._renderer = renderer
        self._box = box
        self._ids = ids
        self._clock = clock
        self._from_address = from_address
        self._from_name = from_name
        self._reply_to = reply_to
        self._host = from_address.rpartition("@")[2]

    async def queue(
        self,
        uow: UnitOfWork,
        *,
        kind: str,
        subject_ref: str,
        to_address: str,
        to_name: str,
        message: MailMessage | InviteContent,
        attachments: Sequence[Attachment] = (),
    ) -> bool:
        """Queue one mail in the caller's transaction; False when it was queued before."""
        if isinstance(message, InviteContent):
            rendered = self._renderer.render(message.template, message.values)
        else:
            rendered = self._renderer.render_message(message)
        now = self._clock.now()
        delivery_id = self._ids.new()
        outgoing = OutgoingEmail(
            message_id=f"<{delivery_id.lower()}@{self._host}>",
            to_address=to_address,
            to_name=to_name,
            from_address=self._from_address,
            from_name=self._from_name,
            reply_to=self._reply_to,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            attachments=tuple(attachments),
            sent_at=now,
        )
        queued = await uow.mail.queue(
            MailDelivery(
                delivery_id=delivery_id,
                kind=kind,
                subject_ref=subject_ref,
                to_address=to_address,
                subject=rendered.subject,
                content_sealed=self._box.seal(msgspec.json.encode(outgoing).decode()),
                due_at=now,
                created_at=now,
            )
        )
        if queued:
            await uow.work.enqueue("send_mail", key="send_mail")
        return queued

    def unseal(self, delivery: MailDelivery) -> OutgoingEmail:
        """Return the mail as it was queued."""
        return msgspec.json.decode(self._box.open(delivery.content_sealed), type=OutgoingEmail)
