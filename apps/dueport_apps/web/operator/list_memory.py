"""Keeps the filters of the lists while an operator moves around in the portal.

They live in a cookie of the browser, so that looking at a list writes nothing. A list that is
opened without a query shows what was last looked for; ``?all=1`` forgets it.
"""

from urllib.parse import parse_qsl, urlencode

from litestar.datastructures import Cookie
from litestar.response import Response

from dueport_apps.settings import Settings
from dueport_apps.web.http.cookies import dropped, kept
from dueport_apps.web.operator.pages import AnyRequest

LISTS = ("customers", "payments")
LENGTH_MAX = 1000


class RememberedQuery:
    """The query of one list: what the address says, else what was remembered."""

    def __init__(self, request: AnyRequest, settings: Settings, name: str) -> None:
        self._name = _name(settings, name)
        self._secure = settings.config.web.secure
        given = {key: str(value) for key, value in request.query_params.items()}
        self.forgets = "all" in given
        self._kept = request.cookies.get(self._name, "")
        if not given and self._kept:
            given = dict(parse_qsl(self._kept[:LENGTH_MAX]))
        self._given = given

    def text(self, name: str, longest: int = 200) -> str:
        """Return a part as a person typed it, without control characters."""
        text = self._given.get(name, "")[:longest]
        return "".join(letter for letter in text if letter.isprintable()).strip()

    def choice(self, name: str, choices: frozenset[str], default: str = "") -> str:
        """Return a part where it is one of the choices."""
        text = self.text(name)
        return text if text in choices else default

    def remember(self, response: Response[object], **parts: str) -> None:
        """Keep the filters that are in force; nothing is sent while they stay the same."""
        query = urlencode({name: value for name, value in parts.items() if value})
        if query == self._kept or len(query) > LENGTH_MAX:
            return
        if query:
            response.set_cookie(kept(self._name, query, secure=self._secure))
        else:
            response.set_cookie(dropped(self._name, secure=self._secure))


def forget_lists(settings: Settings) -> list[Cookie]:
    """Return the cookies that make the next person at this browser start afresh."""
    secure = settings.config.web.secure
    return [dropped(_name(settings, name), secure=secure) for name in LISTS]


def _name(settings: Settings, name: str) -> str:
    return f"{'__Host-' if settings.config.web.secure else ''}dueport-operator-{name}"
