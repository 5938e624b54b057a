"""The template engine of the mails: it can read values, and nothing else.

Values come from the ERP and from customers, templates may come from the dealer. A value is never
evaluated, always escaped in HTML, and cannot break a line in a text part. A template sees plain
dictionaries, tuples, texts, numbers and dates, and cannot reach an attribute of any of them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, nodes
from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, LoopContext, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from dueport_apps.mail.folding import fold
from dueport_core.errors import Invalid

# Line breaks would forge lines of a text part; the direction marks would reorder what is shown.
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
# A scheme that only opens pages, a host, and no user name in front of it that could pass for one.
_WEB_LINK = re.compile(r"(?i:https?)://[\w.-]*\w\.?(?::[0-9]{1,5})?(?:[/?#][^\s\\]*)?")
_ENGINE_OBJECTS = (LoopContext, TemplateReference, BlockReference, TemplateModule, Namespace)


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in dictionaries; attributes exist only on the engine's own objects.

    ``constants`` are texts, and dictionaries of texts and numbers, that are the same in every mail.
    """

    constants: Mapping[str, Any]

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,
    ) -> str:
        folded = fold(source, name or "", self, self.constants, self._parsed)
        return super()._generate(folded, name, filename, defer_init)

    def _parsed(self, name: str) -> nodes.Template | None:
        assert self.loader is not None
        try:
            source, path, _ = self.loader.get_source(self, name)
        except TemplateNotFound:
            return None
        return self.parse(source, name, path)

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


def mail_environment(loader: FileSystemLoader, constants: Mapping[str, Any]) -> MailEnvironment:
    environment = MailEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        finalize=one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.constants = {name: _plain(value) for name, value in constants.items()}
    environment.globals.update(environment.constants)
    return environment


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return one_line(value)


def one_line(value: Any) -> Any:
    """What is put into a mail is one line of visible characters, whatever the ERP holds."""
    # Nearly every value is printable, which is a much cheaper question.
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return _UNWANTED.sub(" ", value)


def web_link(address: str) -> str:
    """Let an address through only where a click on it can do no harm."""
    # As above: most addresses are printable, and then hold nothing that is unwanted.
    unwanted = not address.isprintable() and _UNWANTED.search(address)
    if unwanted or not _WEB_LINK.fullmatch(address):
        raise Invalid("a link in a mail must be an http or https address")
    return address
