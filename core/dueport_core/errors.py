"""The one tree of errors; every message says what to change.

::

    DueportError(message)
    ├── NotFound                        nothing of that name is visible to the one who asks
    ├── Conflict                        the thing exists, and its present state forbids the move
    ├── Invalid(message, fields)        the input is wrong; ``fields`` names each wrong field
    ├── Forbidden                       known, understood and not allowed for this person
    ├── TooManyTries(message, retry_after_s)
    └── PortError                       something outside (ERP, processor, mail server) answered no
        ├── Unavailable(message, retry_after_s)   no answer; the outcome may be unknown
        ├── Declined(message, code)     the payer's bank or card said no; the payer can act
        ├── Rejected(message, code)     the request was refused as wrong; repeating cannot help
        ├── Misconfigured               a setting or a secret is wrong; the dealer can act
        └── Unsupported                 the other side cannot do this at all

Plugins raise ``PortError`` and its children only, ``from`` the vendor's own exception.
"""

from collections.abc import Mapping


class DueportError(Exception):
    """The root. ``message`` is one sentence that a person can act on."""

    def __init__(self, message: str, *details: object) -> None:
        # All arguments go to the base class so that a copy or a pickle rebuilds the same error.
        super().__init__(message, *details)
        self.message = message

    def __str__(self) -> str:
        return self.message


class NotFound(DueportError):
    """Nothing of that name is visible to the one who asks."""


class Conflict(DueportError):
    """The present state forbids the move; reading the state again shows why."""


class Invalid(DueportError):
    """The input is wrong. ``fields`` maps the name of a field to the sentence about it."""

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        self.fields: dict[str, str] = dict(fields or {})
        super().__init__(message, self.fields)


class Forbidden(DueportError):
    """Known, understood and not allowed for this person."""


class TooManyTries(DueportError):
    """Asked too often; ``retry_after_s`` seconds from now it may be asked again."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s


class PortError(DueportError):
    """Something outside of us answered no, or did not answer."""


class Unavailable(PortError):
    """No usable answer came. Whether the request took effect may be unknown: look it up."""

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s


class Declined(PortError):
    """The payer's bank or card said no; ``code`` is the vendor's word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.code = code


class Rejected(PortError):
    """The request was refused as wrong; sending the same again cannot help."""

    def __init__(self, message: str, code: str = "rejected") -> None:
        super().__init__(message, code)
        self.code = code


class Misconfigured(PortError):
    """A setting or a secret is wrong; the message names it."""


class Unsupported(PortError):
    """The other side has no such ability."""
