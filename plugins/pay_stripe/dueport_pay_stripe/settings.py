"""What a dealer configures for Stripe, and the guard that keeps test and live apart."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from dueport_ports import Environment, Misconfigured, Secret

API_VERSION: Final = "2026-08-26.dahlia"
"""Sent with every call: a new SDK must not change what the answers look like."""

API_URL: Final = "https://api.stripe.com"
SCRIPT_URL: Final = "https://js.stripe.com/dahlia/stripe.js"
SUFFIX_LENGTH_MAX: Final = 22

_SUFFIX = re.compile(r"[A-Za-z0-9 .,#&/()-]*")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section ``[processor.pay_stripe]`` of ``dealer.toml``."""

    secret_key: Secret
    """``sk_test_…``/``sk_live_…``, or a restricted key ``rk_…``."""
    publishable_key: str
    """``pk_test_…``/``pk_live_…``; it goes to the browser."""
    webhook_secrets: tuple[Secret, ...] = ()
    """``whsec_…`` of the webhook endpoint; two while one is being rotated."""
    deployment: str = "dueport"
    """Marks this deployment's payments; must differ where two share one Stripe account."""
    card_entry: Literal["embedded", "hosted"] = "embedded"
    """``embedded`` shows Stripe's fields in the pay page; ``hosted`` sends the customer to Stripe's
    own page and back, which is the smallest PCI scope."""
    statement_suffix: str = ""
    """Added to the account's own name on the cardholder's statement."""
    api_url: str = API_URL
    script_url: str = SCRIPT_URL
    timeout_s: float = 20.0
    """How long one try of a call may take; a call has up to three."""
    network_retries: int = 2

    def __post_init__(self) -> None:
        if not self.deployment or len(self.deployment) > 40:
            raise ValueError("deployment must have 1 to 40 characters")
        if len(self.statement_suffix) > SUFFIX_LENGTH_MAX or not _SUFFIX.fullmatch(
            self.statement_suffix
        ):
            raise ValueError(
                "statement_suffix may have at most 22 letters, digits, spaces and .,#&/()-"
            )
        if not 1 <= self.timeout_s <= 80 or not 0 <= self.network_retries <= 5:
            raise ValueError("timeout_s must be 1 to 80 and network_retries 0 to 5")


def check_mode(settings: Settings, environment: Environment) -> None:
    """Refuse to start with keys of one world and the environment or addresses of the other.

    Raises Misconfigured, which names the setting and never the key.
    """
    wanted = "live" if environment is Environment.LIVE else "test"
    _check_key("secret_key", settings.secret_key.reveal(), ("sk", "rk"), wanted)
    _check_key("publishable_key", settings.publishable_key, ("pk",), wanted)
    for secret in settings.webhook_secrets:
        if not secret.reveal().startswith("whsec_"):
            raise Misconfigured("webhook_secrets must hold values that begin with whsec_")
    if wanted == "live":
        for name, url, vendors in (
            ("api_url", settings.api_url, API_URL),
            ("script_url", settings.script_url, SCRIPT_URL),
        ):
            if url != vendors:
                raise Misconfigured(f"{name} must be {vendors} with live keys; remove the setting")
    for name, url in (("api_url", settings.api_url), ("script_url", settings.script_url)):
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and local)
        ):
            raise Misconfigured(f"{name} must be an https address (http only on this machine)")


def _check_key(name: str, value: str, kinds: tuple[str, ...], wanted: str) -> None:
    kind, _, rest = value.partition("_")
    mode = rest.partition("_")[0]
    if kind not in kinds or mode not in ("test", "live"):
        expected = " or ".join(f"{kind}_{wanted}_" for kind in kinds)
        raise Misconfigured(f"{name} is not a Stripe key; it must begin with {expected}")
    if mode != wanted:
        where = "a live" if wanted == "live" else "a sandbox"
        raise Misconfigured(f"{name} is a {mode} key in {where} deployment; use a {wanted} key")
