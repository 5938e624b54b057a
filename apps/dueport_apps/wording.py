"""Small rules of writing that pages, mails and letters share."""

from typing import Final

_ENDS: Final = (".", "!", "?", "…")

ANY_BROWSER: Final = "a browser"
BROWSERS: Final = {
    # What a browser calls itself and others do not; all of them also claim to be Chrome or Safari.
    "Edg/": "Edge",
    "EdgA/": "Edge",
    "EdgiOS/": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS: Final = {
    # Android says Linux too, and an iPhone that it is like Mac OS X.
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows NT": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def ended(text: str) -> str:
    """Return the text as the end of a sentence: with a full stop, unless it brings its own.

    So many companies are called ``Inc.`` or ``Co.`` that a sentence ending in a customer's name
    would often end in two.
    """
    return text if text.endswith(_ENDS) else f"{text}."


def browser_words(user_agent: str) -> str:
    """Return ``Chrome on Linux`` for what a browser says of itself, or nothing for nothing.

    Anybody may put any words into it, and they would arrive in somebody's mail: only names of this
    module's own are returned, and ``a browser`` for what it does not know.
    """
    if not user_agent:
        return ""
    browser = _named(user_agent, BROWSERS)
    system = _named(user_agent, SYSTEMS)
    return f"{browser} on {system}" if browser and system else browser or ANY_BROWSER


def _named(user_agent: str, names: dict[str, str]) -> str:
    return next((name for mark, name in names.items() if mark in user_agent), "")
