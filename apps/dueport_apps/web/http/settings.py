"""What the web base needs to know about one deployment: its addresses, its secret, its timers."""

from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from dueport_core.errors import Misconfigured

MACHINE_PATHS = ("/api/", "/webhooks/")
"""Below these, programs are answered and not people."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Portal(StrEnum):
    """The two portals: each has its own cookie, guards and pages."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses, secret and timers of the web base.

    `customer_url` and `operator_url` are the only source of our own addresses; the `Host` header of
    a request never is. `secret` keys the signatures of pre-session forms and flash messages, is at
    least 32 bytes and the same in every process of a deployment.
    """

    customer_url: str
    operator_url: str
    secret: bytes
    idle_s: int = 30 * 60
    absolute_s: int = 12 * 3600
    touch_every_s: int = 60
    step_up_s: int = 5 * 60
    customer_sign_in_path: str = "/sign-in"
    operator_sign_in_path: str = "/operator/sign-in"

    def __post_init__(self) -> None:
        """Refuse a short secret and plain http anywhere but on this machine."""
        if len(self.secret) < 32:
            raise Misconfigured("The web secret must have at least 32 bytes.")
        for url in (self.customer_url, self.operator_url):
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
                raise Misconfigured(
                    f"{url} must start with https://; plain http is for this machine alone."
                )
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise Misconfigured(f"{url!r} is not an http or https address.")
        if urlsplit(self.customer_url).scheme != urlsplit(self.operator_url).scheme:
            raise Misconfigured("Both portals must be on https, or both on http on this machine.")

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https (so `Secure`, `__Host-` and HSTS work)."""
        return urlsplit(self.customer_url).scheme == "https"

    @property
    def origins(self) -> frozenset[str]:
        """The origins (scheme, host, port) that our own pages have."""
        return frozenset(_origin(url) for url in (self.customer_url, self.operator_url))

    def url(self, portal: Portal) -> str:
        """Return the base URL of a portal without a closing slash."""
        url = self.customer_url if portal is Portal.CUSTOMER else self.operator_url
        return url.rstrip("/")

    def foreign_host(self, portal: Portal, host: str) -> bool:
        """Whether a request for `portal` came in on the other portal's own host name."""
        ours = urlsplit(self.url(portal)).netloc.lower()
        other = Portal.OPERATOR if portal is Portal.CUSTOMER else Portal.CUSTOMER
        theirs = urlsplit(self.url(other)).netloc.lower()
        return ours != theirs and host.lower() == theirs

    def sign_in_path(self, portal: Portal) -> str:
        """Return the path of a portal's sign-in page."""
        if portal is Portal.OPERATOR:
            return self.operator_sign_in_path
        return self.customer_sign_in_path

    def cookie_name(self, portal: Portal, purpose: str = "") -> str:
        """Name a cookie; `__Host-` needs https, so plain http on loopback goes without it."""
        name = "dueport" if portal is Portal.CUSTOMER else "dueport-operator"
        prefix = "__Host-" if self.secure else ""
        return f"{prefix}{name}-{purpose}" if purpose else f"{prefix}{name}"


def portal_of(path: str) -> Portal:
    """Tell by its path which portal an address belongs to."""
    return (
        Portal.OPERATOR if path == "/operator" or path.startswith("/operator/") else Portal.CUSTOMER
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
