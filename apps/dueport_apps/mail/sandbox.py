"""The template engine of the mails: it can read values, and nothing else.

Values come from the ERP and from customers, templates may come from the dealer. A value is never
evaluated, always escaped in HTML, and cannot break a line in a text part. A template sees plain
dictionaries, tuples, texts, numbers and dates, and cannot reach an attribute of any of them.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, LoopContext, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from dueport_core.errors import Invalid

# Line breaks would forge lines of a text part; the direction marks would reorder what is shown.
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_ENGINE_OBJECTS = (LoopContext, TemplateReference, BlockReference, TemplateModule, Namespace)


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in dictionaries; attributes exist only on the engine's own objects."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        # A key wins over a dictionary's method of the same name.
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        # Jinja lets templates format texts through a guarded copy of the method; ours need none.
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return isinstance(obj, _ENGINE_OBJECTS) and super().is_safe_attribute(obj, attr, value)


def mail_environment(folders: list[str]) -> MailEnvironment:
    return MailEnvironment(
        loader=FileSystemLoader(folders),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        finalize=one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def one_line(value: Any) -> Any:
    """What is put into a mail is one line of visible characters, whatever the ERP holds."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNWANTED.sub(" ", value)


def web_link(address: str) -> str:
    """Let an address through only where a click on it can do no harm."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or _UNWANTED.search(address):
        raise Invalid("a link in a mail must be an http or https address")
    return address
