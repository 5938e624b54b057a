"""What a dealer configures for Plaid, and the guard that keeps sandbox and production apart."""

from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from dueport_ports import Environment, Misconfigured, Secret

HOSTS: Final = {
    Environment.LIVE: "https://production.plaid.com",
    Environment.SANDBOX: "https://sandbox.plaid.com",
}
SCRIPT_URL: Final = "https://cdn.plaid.com/link/v2/stable/link-initialize.js"
CLIENT_NAME_LENGTH_MAX: Final = 30


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[plugins.pay_ach_plaid]`` of ``dealer.toml``."""

    client_id: str
    secret: Secret
    """The secret of the environment that is used: Plaid has one for each."""
    client_name: str = ""
    """What Link calls the dealer, at most 30 characters; the dealer's name where it is empty."""
    deployment: str = "dueport"
    """Marks this deployment's transfers; must differ where two share one Plaid client."""
    bank_entry: Literal["embedded", "hosted"] = "embedded"
    """``embedded`` opens Link over the pay page; ``hosted`` sends the customer to Plaid's own page
    and back, which needs no script of Plaid's."""
    redirect_uri: str = ""
    """For banks that sign in on their own site: the page that such a bank returns to, as it is
    registered in Plaid's Dashboard."""
    webhook_url: str = ""
    """Where Plaid tells of changes to linked banks; the portal's own address where it is empty."""
    same_day: bool = False
    """Ask for same-day ACH, which costs more and is limited per transfer."""
    unassessed_limit_cents: int = 100_000
    """Up to this amount a debit that Plaid approved without having checked the account is made."""
    unknown_holder_class: Literal["web", "ccd"] = "web"
    """The ACH class where the bank does not say whether a business or a person holds the account.
    ``ccd`` against a person's account comes back as unauthorized."""
    ledger_id: str = ""
    """The Plaid Ledger to fill; the client's default one where it is empty."""
    api_url: str = ""
    """Plaid's address; that of the environment where it is empty."""
    script_url: str = SCRIPT_URL
    connect_timeout_s: float = 3.05
    read_timeout_s: float = 20.0

    def __post_init__(self) -> None:
        if not self.client_id:
            raise ValueError("client_id must not be empty")
        if len(self.client_name) > CLIENT_NAME_LENGTH_MAX:
            raise ValueError("client_name may have at most 30 characters")
        if not self.deployment.isascii() or not 1 <= len(self.deployment) <= 40:
            raise ValueError("deployment must have 1 to 40 ASCII characters")
        if self.unassessed_limit_cents < 0:
            raise ValueError("unassessed_limit_cents must not be negative")
        if not 0.5 <= self.connect_timeout_s <= 30 or not 1 <= self.read_timeout_s <= 60:
            raise ValueError("connect_timeout_s must be 0.5 to 30 and read_timeout_s 1 to 60")


def host_of(settings: Settings, environment: Environment) -> str:
    """Return the address that calls go to."""
    return settings.api_url or HOSTS[environment]


def check_environment(settings: Settings, environment: Environment) -> None:
    """Refuse to start with the addresses of one world in the environment of the other.

    Raises Misconfigured, which names the setting.
    """
    host = host_of(settings, environment)
    if environment is Environment.LIVE:
        for name, url, vendors in (
            ("api_url", host, HOSTS[Environment.LIVE]),
            ("script_url", settings.script_url, SCRIPT_URL),
        ):
            if url != vendors:
                raise Misconfigured(f"{name} must be {vendors} in production; remove the setting")
    elif urlsplit(host).hostname == urlsplit(HOSTS[Environment.LIVE]).hostname:
        raise Misconfigured("api_url is Plaid's production in a sandbox deployment; remove it")
    urls = {"api_url": host, "script_url": settings.script_url}
    urls |= {"redirect_uri": settings.redirect_uri, "webhook_url": settings.webhook_url}
    for name, url in urls.items():
        if url and not _is_safe(url):
            raise Misconfigured(f"{name} must be an https address (http only on this machine)")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))
