"""The sandbox's mailbox: a real SMTP server that keeps what it is sent, and a page to read it on.

`Mailbox` is the server and the store, `create_mailbox_router` the page.
"""

from dueport_apps.sandbox.mailbox.mailbox import Mailbox
from dueport_apps.sandbox.mailbox.message import Message
from dueport_apps.sandbox.mailbox.routes import create_mailbox_router

__all__ = ["Mailbox", "Message", "create_mailbox_router"]
