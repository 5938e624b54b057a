"""One message on its way out, what its caller wants of it, and what became of it."""

from typing import Literal

from dueport_ports import EmailResult, OutgoingEmail, SendProgress


class ProgressFailed(Exception):
    """The caller could not record the progress; his error is kept."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Letter:
    """A message with its bytes. It may travel over a second connection, but begins once."""

    def __init__(self, message: OutgoingEmail, raw: bytes, progress: SendProgress | None) -> None:
        self.message = message
        self.raw = raw
        self._progress = progress
        self._wanted: bool | None = None if progress else True
        self.begin_first = False
        """Ask whether it is wanted before the server hears of it, at the price of a pause."""

    @property
    def is_begun(self) -> bool:
        """Whether its caller was asked, and so has to be told the outcome."""
        return self._progress is not None and self._wanted is not None

    async def begin(self) -> bool:
        """Ask the caller, the first time; False when the message was withdrawn."""
        if self._wanted is None and self._progress is not None:
            try:
                self._wanted = await self._progress.begin(self.message)
            except Exception as error:
                raise ProgressFailed(error) from error
        return bool(self._wanted)

    def withdrawn(self) -> EmailResult:
        return self._result("withdrawn", reason="withdrawn before it was sent")

    def sent(self, code: int, words: str) -> EmailResult:
        return self._result("sent", code=code, reason=words)

    def refused(self, code: int, words: str) -> EmailResult:
        """A refusal in the server's words; 5xx is for good."""
        return self._result("refused", permanent=500 <= code <= 599, code=code, reason=words)

    def left_for_later(self, reason: str, code: int = 0) -> EmailResult:
        return self._result("refused", code=code, reason=reason)

    def unknown(self, reason: str) -> EmailResult:
        return self._result(
            "unknown", reason=f"no answer after the whole message was sent: {reason}"
        )

    def _result(
        self,
        state: Literal["sent", "refused", "unknown", "withdrawn"],
        *,
        permanent: bool = False,
        code: int = 0,
        reason: str,
    ) -> EmailResult:
        return EmailResult(
            message_id=self.message.message_id,
            state=state,
            permanent=permanent,
            code=code,
            reason=reason,
        )
