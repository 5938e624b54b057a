"""What every plugin is handed when it is built: time, secrets, a folder and the dealer's name.

A plugin never reads the clock, the environment or the configuration file by itself.
That keeps one deployment's plugins testable in virtual time and free of hidden inputs.
"""

import datetime
import enum
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from dueport_core.errors import Misconfigured


@runtime_checkable
class Clock(Protocol):
    """The only source of time. Instants are aware UTC; the business day is the dealer's."""

    def now(self) -> datetime.datetime:
        """Return the current instant, in UTC."""
        ...

    def today(self) -> datetime.date:
        """Return the dealer's calendar day."""
        ...


class SecretBox(Protocol):
    """Encrypts what a plugin must keep in the database, such as a bank access token."""

    def seal(self, plain: str) -> str:
        """Return text that only this deployment can open; it names the key that sealed it."""
        ...

    def open(self, sealed: str) -> str:
        """Return what was sealed. Raises Misconfigured when the key is gone."""
        ...


class Environment(enum.StrEnum):
    """Whether real money moves. Live keys with sandbox addresses (or the reverse) never start."""

    SANDBOX = "sandbox"
    LIVE = "live"


class Secret:
    """A value whose repr shows nothing; ``reveal()`` is the one way to read it.

    In ``dealer.toml`` a secret is ``{env = "NAME"}`` or ``{file = "/path"}``, never the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class DealerLogo(msgspec.Struct, frozen=True, kw_only=True):
    """The dealer's logo, a PNG or JPEG that anybody may load from the portal without a cookie."""

    url: str
    """Absolute; another picture has another address."""
    width: int
    """Pixels of the picture; show it smaller, in the same proportions."""
    height: int


class DealerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin may say about the dealer in mails, on bank pages and in files."""

    name: str
    reply_to: str
    phone: str = ""
    address: str = ""
    time_zone: str = "America/New_York"
    brand_color: str = "#0f5257"
    logo: DealerLogo | None = None
    """None for a dealer without one: then the name stands alone."""


class PluginContext(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to a plugin's factory beside its own settings."""

    clock: Clock
    secrets: SecretBox
    dealer: DealerFacts
    environment: Environment
    data_folder: Path
    """A folder of this plugin's own; it exists and nobody else writes there."""
    public_url: str
    """The customer portal's base address, without a trailing slash."""


def secret_from(
    source: Any, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Secret:
    """Resolve ``{env = ...}`` or ``{file = ...}``; a relative file lies in ``folder``.

    Raises Misconfigured naming the variable or file that is missing, and refuses a literal:
    a key pasted into ``dealer.toml`` would end up in backups and tickets.
    """
    if isinstance(source, Secret):
        return source
    variables = os.environ if environment is None else environment
    match source:
        case {"env": str(name)} if len(source) == 1:
            value = variables.get(name, "")
            if not value:
                raise Misconfigured(f"the environment variable {name} is not set")
            return Secret(value)
        case {"file": str(path)} if len(source) == 1:
            try:
                value = (folder or Path()).joinpath(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise Misconfigured(
                    f"the secret file {path} cannot be read: {error.strerror}"
                ) from error
            if not value:
                raise Misconfigured(f"the secret file {path} is empty")
            return Secret(value)
        case _:
            raise Misconfigured(
                'a secret is written {env = "NAME"} or {file = "/path"}, never as the value itself'
            )


def decode_settings(raw: Mapping[str, Any], kind: type[Any], folder: Path | None = None) -> Any:
    """Decode one plugin's configuration section into its Settings struct.

    Relative paths, also those of secret files, start in ``folder``, where ``dealer.toml`` is.

    Raises msgspec.ValidationError with the path of the first wrong key, or Misconfigured
    for a secret that cannot be resolved.
    """

    def hook(wanted: type[Any], value: Any) -> Any:
        if wanted is Secret:
            return secret_from(value, folder=folder)
        if wanted is Path:
            return (folder or Path()).joinpath(value)
        raise TypeError(f"settings of type {wanted!r} are not supported")

    return msgspec.convert(raw, kind, dec_hook=hook)
