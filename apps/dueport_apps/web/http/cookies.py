"""Cookies as this application writes them: `HttpOnly`, `SameSite=Lax`, path `/`, no domain."""

from litestar.datastructures import Cookie


def kept(name: str, value: str, *, secure: bool) -> Cookie:
    """Return a cookie that lives until the browser closes; the server decides when it expires."""
    return Cookie(key=name, value=value, path="/", secure=secure, httponly=True, samesite="lax")


def dropped(name: str, *, secure: bool) -> Cookie:
    """Return the cookie that removes another; browsers want the same attributes for that."""
    return Cookie(
        key=name, value="", path="/", max_age=0, secure=secure, httponly=True, samesite="lax"
    )
