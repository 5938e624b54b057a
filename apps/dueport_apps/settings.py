"""One ``dealer.toml`` per deployment: decoded, checked as a whole, and explained when wrong.

Unknown keys are refused, because a misspelt setting that is silently ignored is worse than one
that stops the start. Every problem is reported at once, each with its place in the file. Secrets
are references to environment variables or files, never values.
"""

import difflib
import ipaddress
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from dueport_apps.logo import Logo, read_logo
from dueport_apps.usecases.policies import Policies
from dueport_ports import (
    DealerFacts,
    DealerLogo,
    Environment,
    Misconfigured,
    PaymentMethodKind,
    Secret,
    secret_from,
)


def is_loopback(host: str) -> bool:
    """Say whether traffic to this host stays on the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class DealerSection(Section, frozen=True, kw_only=True):
    name: str
    reply_to: str
    time_zone: str = "America/New_York"
    phone: str = ""
    address: str = ""
    brand_color: str = "#0f5257"
    logo: str = ""
    """A PNG or JPEG file, relative to ``dealer.toml``; empty shows the name as text."""
    state: str = ""
    environment: Environment = Environment.SANDBOX

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("the dealer needs a name")
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"{self.time_zone!r} is not a time zone; write one such as America/Chicago"
            ) from error


class DatabaseSection(Section, frozen=True, kw_only=True):
    url: str | dict[str, str] = "embedded"
    """``embedded`` starts a private PostgreSQL in the data folder; otherwise a server's URL."""


class WebSection(Section, frozen=True, kw_only=True):
    base_url: str = "http://127.0.0.1:8400"
    """Where customers reach the portal; links in mails start with it."""
    operator_base_url: str = ""
    """Where operators reach theirs, when it has a host name of its own."""
    host: str = "127.0.0.1"
    port: int = 8400
    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("base_url", "operator_base_url"):
            address = getattr(self, key)
            if not address:
                continue
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
                raise ValueError(
                    f"{key} is {address!r}; write scheme and host only, such as "
                    "https://pay.example.com"
                )
            if parts.scheme == "http" and not is_loopback(parts.hostname):
                raise ValueError(f"{key} must use https unless it is on this machine")

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")


class PluginChoice(Section, frozen=True, kw_only=True):
    plugin: str


class MailSection(Section, frozen=True, kw_only=True):
    plugin: str = "email_smtp"
    from_address: str = ""
    """Empty means the dealer's reply_to."""
    templates: str = ""
    """A folder beside ``dealer.toml`` whose templates win over the built-in ones."""
    bounces_folder: str = ""
    """Where the mail server puts what came back: a Maildir, or a folder of ``.eml`` files."""
    max_per_minute: int = 0
    """How many mails all workers together send in a minute at most; 0 sends as fast as the mail
    server takes them."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_per_minute <= 60_000:
            raise ValueError("max_per_minute must be between 1 and 60000, or 0 for no limit")


class PaymentsSection(Section, frozen=True, kw_only=True):
    card: str = "pay_stripe"
    """The processor plugin for cards; empty switches cards off."""
    ach: str = "pay_ach_plaid"


class Extension(Section, frozen=True, kw_only=True):
    """A third-party plugin that may be loaded: its entry point and the distribution it is in."""

    name: str
    distribution: str
    version: str = ""
    """When given, only exactly this version is loaded."""


class DealerConfig(Section, frozen=True, kw_only=True):
    """The whole file."""

    dealer: DealerSection
    secret_key: dict[str, str]
    """Seals what must be kept secret in the database; 32 bytes or more of random text."""
    erp: PluginChoice = PluginChoice(plugin="erp_generic")
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    mail: MailSection = MailSection()
    payments: PaymentsSection = PaymentsSection()
    policies: Policies = Policies()
    plugins: dict[str, dict[str, Any]] = {}
    extensions: tuple[Extension, ...] = ()
    data_folder: str = "data"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as the application uses it: decoded, with secrets resolved."""

    config: DealerConfig
    folder: Path
    """Where ``dealer.toml`` is; relative paths in it start here."""
    secret_key: Secret
    database_url: Secret | Literal["embedded"]
    logo: Logo | None = None
    """Read once: a file that is changed or gone later does no harm until the next start."""

    @property
    def data_folder(self) -> Path:
        return self.folder / self.config.data_folder

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.config.dealer.time_zone)

    @property
    def dealer_facts(self) -> DealerFacts:
        dealer = self.config.dealer
        return DealerFacts(
            name=dealer.name,
            reply_to=dealer.reply_to,
            phone=dealer.phone,
            address=dealer.address,
            time_zone=dealer.time_zone,
            brand_color=dealer.brand_color,
            logo=self._public_logo,
        )

    @property
    def _public_logo(self) -> DealerLogo | None:
        if self.logo is None:
            return None
        return DealerLogo(
            url=self.config.web.base_url + self.logo.path,
            width=self.logo.width,
            height=self.logo.height,
        )

    @property
    def operator_base_url(self) -> str:
        return self.config.web.operator_base_url or self.config.web.base_url

    @property
    def processors(self) -> dict[PaymentMethodKind, str]:
        """Which plugin takes which method; a method without one is not offered."""
        chosen = {
            PaymentMethodKind.CARD: self.config.payments.card,
            PaymentMethodKind.ACH: self.config.payments.ach,
        }
        return {method: name for method, name in chosen.items() if name}

    @property
    def wanted_plugins(self) -> dict[str, frozenset[str]]:
        """Return the plugins that this configuration needs, each with the ports it needs it for."""
        wanted: dict[str, set[str]] = {}
        wanted.setdefault(self.config.erp.plugin, set()).add("erp")
        wanted.setdefault(self.config.mail.plugin, set()).add("email")
        wanted.setdefault(f"invite_{self.config.policies.invite.delivery}", set()).add(
            "invite_delivery"
        )
        for name in self.processors.values():
            wanted.setdefault(name, set()).add("processor")
        for name in self.config.plugins:
            wanted.setdefault(name, set())
        # Links that were mailed before the delivery was switched must go on working.
        for name in ("invite_link", "invite_credentials"):
            wanted.setdefault(name, set()).add("invite_delivery")
        return {name: frozenset(ports) for name, ports in wanted.items()}


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check a ``dealer.toml``.

    Raises Misconfigured with one line for every missing, unknown or wrong key that can be found.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Misconfigured(f"{path} does not exist; `dueport init` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not valid TOML: {error}") from error
    problems = _problems(raw, DealerConfig, "")
    secrets = _secrets(raw, environment, path.parent, problems)
    logo = _logo(raw, path.parent, problems)
    if problems:
        raise Misconfigured(f"{path.name} has {len(problems)} problem(s):\n" + "\n".join(problems))
    config = msgspec.convert(raw, DealerConfig)
    url: Secret | Literal["embedded"] = "embedded"
    if isinstance(config.database.url, dict):
        url = secrets["database.url"]
    elif config.database.url != "embedded":
        url = Secret(config.database.url)
    return Settings(
        config=config,
        folder=path.parent.resolve(),
        secret_key=secrets["secret_key"],
        database_url=url,
        logo=logo,
    )


def _secrets(
    raw: Mapping[str, Any],
    environment: Mapping[str, str] | None,
    folder: Path,
    problems: list[str],
) -> dict[str, Secret]:
    """Resolve the file's own secrets; one that is no reference at all is a problem already."""
    references = {
        "secret_key": raw.get("secret_key"),
        "database.url": _table(raw, "database").get("url"),
    }
    secrets: dict[str, Secret] = {}
    for key, reference in references.items():
        if not isinstance(reference, dict) or not all(map(_is_text, reference.values())):
            continue
        try:
            secrets[key] = secret_from(reference, environment, folder)
        except Misconfigured as error:
            problems.append(f"  {key}: {error}")
    if "secret_key" in secrets and len(secrets["secret_key"].reveal()) < 32:
        problems.append("  secret_key: it must be at least 32 characters of random text")
    return secrets


def _logo(raw: Mapping[str, Any], folder: Path, problems: list[str]) -> Logo | None:
    named = _table(raw, "dealer").get("logo")
    if not named or not isinstance(named, str):
        return None
    try:
        return read_logo(folder / named)
    except Misconfigured as error:
        problems.append(f"  dealer.logo: {error}")
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _problems(raw: Any, kind: type[msgspec.Struct], path: str) -> list[str]:
    """Find every wrong key, not only the first that a decoder would stop at."""
    if not isinstance(raw, dict):
        return [f"  {path or 'the file'}: a table is wanted here"]
    found: list[str] = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in raw.keys() - fields.keys():
        near = _nearest(key, fields)
        hint = f"; did you mean {near!r}?" if near else f"; known keys: {', '.join(fields)}"
        found.append(f"  {path}{key}: unknown key{hint}")
    sound = {}
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                found.append(f"  {path}{name}: missing")
            continue
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            inner = _problems(raw[name], field.type, f"{path}{name}.")
            found += inner
            continue
        try:
            sound[name] = msgspec.convert(raw[name], field.type)
        except (msgspec.ValidationError, ValueError) as error:
            found.append(f"  {path}{name}: {str(error).removesuffix(' - at `$`')}")
    if not found:
        try:
            msgspec.convert(raw, kind)
        except (msgspec.ValidationError, ValueError) as error:
            found.append(f"  {path.rstrip('.') or 'the file'}: {error}")
    return found


def _nearest(key: str, known: Mapping[str, object]) -> str:
    matches = difflib.get_close_matches(key, list(known), n=1)
    return matches[0] if matches else ""
