"""Writes mails, and keeps what waits to be sent sealed.

A mail is written when it is queued: it says what was true then, and a template that fails does so in
the request that caused it, not hours later in a worker. Invitations are the exception: thousands may
wait, each with a secret link, so a worker writes each one just before it sends it. Either way the
database never shows a link that works.
"""

from collections.abc import Sequence

import msgspec

from dueport_apps.mail.renderer import MailRenderer
from dueport_apps.usecases.mail_records import MailDelivery
from dueport_apps.usecases.mails import MailMessage
from dueport_apps.usecases.records import Language
from dueport_apps.usecases.services import Ids, WrittenMail
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
        language: Language = "en",
        test: bool = False,
        reply_to: str = "",
        invitation_id: str = "",
        attachments: Sequence[Attachment] = (),
    ) -> bool:
        """Queue one mail in the caller's transaction; False when it was queued before."""
        written = self.write(message, language, test=test)
        now = self._clock.now()
        delivery = MailDelivery(
            delivery_id=self._ids.new(),
            kind=kind,
            subject_ref=subject_ref,
            to_address=to_address,
            subject=written.subject,
            invitation_id=invitation_id,
            due_at=now,
            created_at=now,
        )
        outgoing = self._outgoing(
            delivery,
            written,
            to_name=to_name,
            reply_to=reply_to,
            attachments=tuple(attachments),
        )
        sealed = self._box.seal(msgspec.json.encode(outgoing).decode())
        queued = await uow.mail.queue(msgspec.structs.replace(delivery, content_sealed=sealed))
        if queued:
            await uow.work.enqueue("send_mail", key="send_mail")
        return queued

    def write(
        self,
        message: MailMessage | InviteContent,
        language: Language = "en",
        *,
        test: bool = False,
    ) -> WrittenMail:
        """Return what the recipient would read."""
        if isinstance(message, InviteContent):
            rendered = self._renderer.render(message.template, message.values, language)
        else:
            rendered = self._renderer.render_message(message, language)
        if test:
            rendered = self._renderer.as_test(rendered, language)
        return WrittenMail(subject=rendered.subject, text=rendered.text, html=rendered.html)

    def compose(
        self,
        delivery: MailDelivery,
        *,
        to_name: str,
        content: InviteContent,
        language: Language,
        unsubscribe_url: str,
    ) -> OutgoingEmail:
        """Write a queued invitation's mail at the moment of sending.

        Mail programs show a button for the unsubscribe address, which declines the invitation; that
        one click is enough is only said where the address is safe from being read on the way.
        """
        headers = [("List-Unsubscribe", f"<{unsubscribe_url}>")]
        if unsubscribe_url.startswith("https:"):
            headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        return self._outgoing(
            delivery, self.write(content, language), to_name=to_name, headers=tuple(headers)
        )

    def unseal(self, delivery: MailDelivery) -> OutgoingEmail:
        """Return the mail as it was queued."""
        return msgspec.json.decode(self._box.open(delivery.content_sealed), type=OutgoingEmail)

    def _outgoing(
        self,
        delivery: MailDelivery,
        written: WrittenMail,
        *,
        to_name: str,
        reply_to: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        attachments: tuple[Attachment, ...] = (),
    ) -> OutgoingEmail:
        return OutgoingEmail(
            message_id=f"<{delivery.delivery_id.lower()}@{self._host}>",
            to_address=delivery.to_address,
            to_name=to_name,
            from_address=self._from_address,
            from_name=self._from_name,
            reply_to=reply_to or self._reply_to,
            subject=delivery.subject or written.subject,
            text=written.text,
            html=written.html,
            headers=headers,
            attachments=attachments,
            sent_at=self._clock.now(),
        )
