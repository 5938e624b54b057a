"""The text-message port. No built-in plugin implements it yet; where none is configured, no page
shows a text-message setting."""

import abc

import msgspec


class TextMessage(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    to_phone: str
    """E.164, e.g. ``+15550100``."""
    text: str


class TextSender(abc.ABC):
    @abc.abstractmethod
    async def send(self, message: TextMessage) -> None:
        """Send one message. Raises Rejected for a bad number and Unavailable for a retry."""

    async def close(self) -> None:
        return None
