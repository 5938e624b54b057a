"""What stands at the top of every paper: the dealer's logo, as typst takes it."""

import msgspec
import typst

from dueport_apps.logo import Logo
from dueport_core.errors import Misconfigured

LOGO_BOX = (180, 40)
"""Points: what the logo takes up at most."""


def printed_logo(logo: Logo | None, alt: str) -> msgspec.Raw:
    """Return the JSON of the logo with its size on paper, or null for a dealer without one.

    The bytes go in as numbers: data is the one way into a template, which can open no file but
    its own. They are written once, and not again for every receipt.
    """
    if logo is None:
        return msgspec.Raw(b"null")
    width, height = logo.fitted(*LOGO_BOX)
    shown = {"content": list(logo.content), "width": width, "height": height, "alt": alt}
    return msgspec.Raw(msgspec.json.encode(shown))


def draw_logo(logo: Logo) -> None:
    """Try the logo on a page; raises Misconfigured where no paper could be printed with it."""
    template = b"#image(bytes(json(bytes(sys.inputs.logo)).content))"
    try:
        typst.compile(
            template,
            ignore_system_fonts=True,
            sys_inputs={"logo": bytes(printed_logo(logo, "")).decode()},
        )
    except typst.TypstError as error:
        raise Misconfigured(
            f"cannot be set into a PDF ({error.message}); save it anew as PNG or JPEG (RGB)"
        ) from error
