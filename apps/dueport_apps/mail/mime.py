"""Takes a received message apart: header fields and parts, and nothing else.

What arrives at a bounce address was written by anybody. The standard library's parser builds
objects for every kind of content and fails in many ways on hostile bytes; this one cuts bytes at
lines, counts what it cuts, and cannot fail.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from typing import Final

import msgspec

DEPTH_MAX: Final = 6
PARTS_MAX: Final = 60
FIELDS_MAX: Final = 400
_FIELD_MAX: Final = 4_000

_LINE_END = re.compile(rb"\r\n|\r|\n")
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_PARAMETER = re.compile(r""";\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A message or a part of one. Field names are lower case; the first of a name counts."""

    fields: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """``text/plain`` and the like, lower case."""
        kind = self.fields.get("content-type", "text/plain")
        return kind.partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str:
        """A parameter of the content type, such as the boundary; empty where it has none."""
        for found in _PARAMETER.finditer(self.fields.get("content-type", "")):
            if found[1].lower() == name:
                return found[3] or re.sub(r"\\(.)", r"\1", found[2] or "", flags=re.DOTALL)
        return ""

    def decoded(self) -> bytes:
        """The body without its transfer encoding; as it is where that is broken."""
        encoding = self.fields.get("content-transfer-encoding", "").strip().lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding == "base64":
            try:
                return binascii.a2b_base64(self.body)
            except binascii.Error:
                return self.body
        return self.body


def parsed(raw: bytes) -> Part:
    """Part the header of a message from its body."""
    fields, body = _header_and_body(raw)
    return Part(fields=fields, body=body)


def walk(part: Part, depth: int = 0) -> Iterator[Part]:
    """Every part of a multipart in order, whatever it is nested in, then no more than a bound."""
    count = 0
    pending = [(part, depth)]
    while pending and count < PARTS_MAX:
        each, level = pending.pop()
        count += 1
        yield each
        if level < DEPTH_MAX and each.content_type.startswith("multipart/"):
            children = [(child, level + 1) for child in parts_of(each)]
            pending += reversed(children)


def parts_of(part: Part) -> list[Part]:
    """The direct parts of a multipart; one whose end is missing still has those before it."""
    boundary = part.parameter("boundary").encode("utf-8", "surrogateescape")
    if not boundary or len(boundary) > 200:
        return []
    line = rb"(?:\A|(?<=\n)|(?<=\r))--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\r|\n|\Z)"
    parts: list[Part] = []
    start: int | None = None
    for found in re.finditer(line, part.body):
        if start is not None:
            parts.append(parsed(part.body[start : found.start()]))
        start = found.end()
        if found[1] or len(parts) >= PARTS_MAX:
            return parts
    if start is not None:
        parts.append(parsed(part.body[start:]))
    return parts


def field_groups(block: bytes) -> list[dict[str, str]]:
    """Groups of fields with blank lines between them, as a delivery status has them."""
    groups: list[dict[str, str]] = []
    rest = block
    while rest.strip() and len(groups) < PARTS_MAX * 10:
        fields, rest = _header_and_body(rest.lstrip(b"\r\n \t"))
        if fields:
            groups.append(fields)
    return groups


def _header_and_body(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Unfold the fields up to the first blank line. A line that is no field is passed over."""
    fields: dict[str, str] = {}
    name, value = "", b""
    at = 0
    while at < len(raw):
        end = _LINE_END.search(raw, at)
        line, after = (raw[at : end.start()], end.end()) if end else (raw[at:], len(raw))
        at = after
        if not line.strip():
            break
        if line[:1] in b" \t" and name:
            value = (value + b" " + line.strip())[:_FIELD_MAX]
            continue
        _keep(fields, name, value)
        found = _NAME.fullmatch(line)
        name, value = (found[1].decode("ascii").lower(), found[2].strip()) if found else ("", b"")
    _keep(fields, name, value)
    return fields, raw[at:]


def _keep(fields: dict[str, str], name: str, value: bytes) -> None:
    if name and name not in fields and len(fields) < FIELDS_MAX:
        fields[name] = value[:_FIELD_MAX].decode("utf-8", "replace")
