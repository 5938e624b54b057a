"""Derives a readable palette from the dealer's one brand colour (WCAG 2.2 contrast)."""

import re

import msgspec

from dueport_core.errors import Misconfigured

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_WHITE = "#ffffff"
_BLACK = "#000000"
# The least favourable grounds of the layout: the page in light mode, a panel in dark mode.
_LIGHT_PAPER = "#eef1f3"
_DARK_PAPER = "#242b33"
MIN_CONTRAST = 4.5
# Thin coloured letters on black look dimmer than the ratio says, so dark mode asks for more.
DARK_CONTRAST = 7.0


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """Colours whose text reaches a contrast of 4.5 on a light ground and 7 on a dark one."""

    brand: str
    on_brand: str
    """Text on the brand colour."""
    link: str
    """The brand colour, darkened until it reads on the light page."""
    link_dark: str
    """The brand colour, lightened until it reads on the dark page."""


def palette(brand: str) -> Palette:
    """Raises Misconfigured unless the colour is written ``#rrggbb``."""
    if not _HEX.fullmatch(brand):
        raise Misconfigured(f"brand_color must be written #rrggbb, not {brand!r}")
    brand = brand.lower()
    on_brand = max((_WHITE, _BLACK), key=lambda text: contrast(text, brand))
    return Palette(
        brand=brand,
        on_brand=on_brand,
        link=_until_readable(brand, on=_LIGHT_PAPER, toward=0, ratio=MIN_CONTRAST),
        link_dark=_until_readable(brand, on=_DARK_PAPER, toward=255, ratio=DARK_CONTRAST),
    )


def contrast(first: str, second: str) -> float:
    """The WCAG contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _until_readable(color: str, *, on: str, toward: int, ratio: float) -> str:
    channels = _channels(color)
    for step in range(21):
        mixed = [round(channel + (toward - channel) * step / 20) for channel in channels]
        candidate = "#" + "".join(f"{channel:02x}" for channel in mixed)
        if contrast(candidate, on) >= ratio:
            return candidate
    raise AssertionError("black and white are readable on their grounds")


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(color: str) -> float:
    parts = [channel / 255 for channel in _channels(color)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
