"""Wraps the text part of a mail, after its values are known.

Mail programs quote and show plain text best in lines of some seventy columns. A template has one
line for each paragraph; this breaks it at spaces only, so an address or a code stays whole however
long it is.
"""

import re
from typing import Final

WIDTH: Final = 72
_LABEL_MAX: Final = 32
# A list, an indented line or a rule is left as it is written, and so is a label with its value.
_AS_WRITTEN = re.compile(rf"[ *•-]|[0-9]{{1,2}}[.)] |.{{1,{_LABEL_MAX}}}  ")
# What fits, else as little as possible. A number stays with the word before it, so that no date, no
# telephone number and no amount is torn apart, and the half of the day with the hour.
_PIECES = re.compile(
    rf"(.{{1,{WIDTH}}}|.{{{WIDTH + 1},}}?)(?: +(?!(?:[0-9]|[AP]M\b|[ap]\. m\.|m\. ))|$)"
)


def wrapped(text: str) -> str:
    """Return the text with its long lines broken, except those of a list and of a table."""
    lines = text.split("\n")
    return "\n".join([_broken(line) if len(line) > WIDTH else line for line in lines])


def _broken(line: str) -> str:
    if " " not in line or _AS_WRITTEN.match(line):
        return line
    return "\n".join(_PIECES.findall(line))
