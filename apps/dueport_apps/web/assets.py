"""Static files under immutable, content-addressed URLs.

`/static/<first 12 hex digits of SHA-256>/<name>` never changes its content, so browsers may keep it
for a year and a release needs no cache purge. Every file is read once at start-up: there is no path
to traverse because a request is looked up in a table, never on the disk. The content type comes from
our own table, because a stylesheet sent as `application/octet-stream` is refused under `nosniff`.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]  # The package ships no types.
import msgspec
from litestar import Request, Router, get
from litestar.params import FromPath
from litestar.response import Response

from dueport_core.errors import Misconfigured, NotFound

STATIC_FOLDER = Path(__file__).resolve().parent / "static"

MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
COMPRESSIBLE = frozenset({".css", ".js", ".svg"})
_RELATIVE_URL = re.compile(r'url\("(?P<name>[a-z0-9_./-]+)"\)')


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it is sent: its URL and its content plain, as Brotli and as gzip."""

    name: str
    url: str
    digest: str
    media_type: str
    content: bytes
    brotli: bytes | None
    gzip: bytes | None

    def best_for(self, accept_encoding: str) -> tuple[bytes, str | None]:
        """Return the smallest body that the browser takes, and its content encoding."""
        offered = {part.split(";")[0].strip() for part in accept_encoding.lower().split(",")}
        if self.brotli is not None and "br" in offered:
            return self.brotli, "br"
        if self.gzip is not None and "gzip" in offered:
            return self.gzip, "gzip"
        return self.content, None


class Assets:
    """The table of static files: names to URLs for templates, URLs to content for browsers."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._by_name: dict[str, Asset] = {}
        files = [file for file in folder.rglob("*") if file.suffix in MEDIA_TYPES]
        # Stylesheets last: the URLs of the fonts they name must be known by then.
        for file in sorted(files, key=lambda file: (file.suffix == ".css", file)):
            asset = self._read(file, file.relative_to(folder).as_posix())
            self._by_name[asset.name] = asset

    def url(self, name: str) -> str:
        """Return the immutable URL of a file named relative to the static folder."""
        asset = self._by_name.get(name)
        if asset is None:
            raise Misconfigured(f"There is no static file {name!r}.")
        return asset.url

    def find(self, digest: str, name: str) -> Asset:
        """Return the file that a URL names; `NotFound` for an unknown name or another content."""
        asset = self._by_name.get(name.lstrip("/"))
        if asset is None or asset.digest != digest:
            raise NotFound("There is no such file.")
        return asset

    def names(self) -> frozenset[str]:
        """Return the names of all files."""
        return frozenset(self._by_name)

    def _read(self, file: Path, name: str) -> Asset:
        content = file.read_bytes()
        if file.suffix == ".css" and not name.startswith("vendor/"):
            content = _RELATIVE_URL.sub(
                lambda found: f'url("{self.url(found["name"])}")', content.decode()
            ).encode()
        digest = hashlib.sha256(content).hexdigest()[:12]
        as_brotli, as_gzip = _compressed(file, content)
        return Asset(
            name=name,
            url=f"/static/{digest}/{name}",
            digest=digest,
            media_type=MEDIA_TYPES[file.suffix],
            content=content,
            brotli=as_brotli,
            gzip=as_gzip,
        )


def _compressed(file: Path, content: bytes) -> tuple[bytes | None, bytes | None]:
    """Return the Brotli and gzip forms: the vendored neighbours, or made now for our small files."""
    if file.suffix not in COMPRESSIBLE:
        return None, None
    neighbours = [file.with_name(file.name + ending) for ending in (".br", ".gz")]
    if all(neighbour.exists() for neighbour in neighbours):
        return neighbours[0].read_bytes(), neighbours[1].read_bytes()
    return brotli.compress(content, quality=9), gzip.compress(content, 9, mtime=0)


def create_static_router(assets: Assets) -> Router:
    """Return the public route that serves the table.

    Its files are compressed already: the application's compression must leave out routes with the
    option `uncompressed` (`http.stack.compression` does).
    """

    @get(
        "/static/{digest:str}/{name:path}",
        name="static",
        opt={"public": True, "uncompressed": True},
        include_in_schema=False,
        sync_to_thread=False,
    )
    def static(
        request: Request[Any, Any, Any], digest: FromPath[str], name: FromPath[Path]
    ) -> Response[bytes]:
        asset = assets.find(digest, name.as_posix())
        body, encoding = asset.best_for(request.headers.get("accept-encoding", ""))
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "accept-encoding",
        }
        if encoding is not None:
            headers["content-encoding"] = encoding
        return Response(body, media_type=asset.media_type, headers=headers)

    return Router(path="/", route_handlers=[static])
