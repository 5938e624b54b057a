"""Redirect targets that a visitor can influence."""

from urllib.parse import quote, urlsplit

LONGEST = 4000
"""An address may name the documents that were ticked, and there may be hundreds."""


def safe_next(target: str | None, default: str) -> str:
    """Return `target` where it is a plain path of this site, else `default`.

    Refused are other hosts in all their spellings (`//evil`, `/\\evil`, `https:evil`) and control
    characters, which browsers drop before they read an address.
    """
    if not target or len(target) > LONGEST or not target.startswith("/"):
        return default
    if target.startswith(("//", "/\\")) or "\\" in target or not target.isprintable():
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def sign_in_url(sign_in_path: str, wanted: str) -> str:
    """Return the sign-in page's address, which leads on to the page that was wanted."""
    return f"{sign_in_path}?next={quote(wanted, safe='/')}" if wanted else sign_in_path
