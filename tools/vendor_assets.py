"""Bring the browser's third-party files into the tree, with their provenance.

Dueport serves every stylesheet, script, font and icon itself, so that a portal works on a network
without any other host and the content security policy can name `'self'` alone. This script is the
only way such a file gets in: it asks npm for the named versions, copies the few files that pages
use, draws the needed icons into one sprite, compresses the text files once, and records package,
version, licence, file and SHA-256 in `VENDOR.toml`, which a test compares with the folder.

Run it with `python tools/vendor_assets.py` after changing a version or the icon list.
"""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # The package ships no types.

VENDOR = Path(__file__).resolve().parents[1] / "apps/dueport_apps/web/static/vendor"

COMPRESSED_SUFFIXES = {".css", ".js", ".svg"}


@dataclass(frozen=True)
class Package:
    """One npm package and the files taken from it (path inside the package -> our file name)."""

    name: str
    version: str
    files: dict[str, str]


PACKAGES = (
    Package(
        "@tabler/core",
        "1.6.1",
        {
            "dist/css/tabler.min.css": "tabler.min.css",
            "dist/js/tabler.min.js": "tabler.min.js",
        },
    ),
    Package(
        "htmx.org",
        "4.0.1",
        {
            "dist/htmx.min.js": "htmx.min.js",
            "dist/ext/hx-sse.min.js": "hx-sse.min.js",
            "LICENSE": "htmx.LICENSE",
        },
    ),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        {
            "files/inter-latin-wght-normal.woff2": "inter.woff2",
            "LICENSE": "inter.LICENSE",
        },
    ),
)

ICON_PACKAGE = Package("@tabler/icons", "3.51.0", {"LICENSE": "icons.LICENSE"})
ICON_SPRITE = "icons.svg"
ICONS = (
    "alert-circle",
    "alert-triangle",
    "archive",
    "arrow-left",
    "arrow-right",
    "arrows-sort",
    "ban",
    "bell",
    "building-bank",
    "building-store",
    "calendar",
    "calendar-due",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "circle-check",
    "circle-x",
    "clock",
    "copy",
    "credit-card",
    "database",
    "dots-vertical",
    "download",
    "eye",
    "file-invoice",
    "file-text",
    "filter",
    "gauge",
    "help-circle",
    "history",
    "info-circle",
    "key",
    "link",
    "list-details",
    "lock",
    "login",
    "logout",
    "mail",
    "mail-check",
    "mail-forward",
    "menu-2",
    "message-circle",
    "moon",
    "pencil",
    "phone",
    "player-pause",
    "player-play",
    "plug",
    "plug-connected",
    "plus",
    "printer",
    "receipt",
    "receipt-refund",
    "refresh",
    "repeat",
    "scale",
    "search",
    "send",
    "settings",
    "shield-check",
    "shield-lock",
    "sun",
    "sun-moon",
    "switch-horizontal",
    "trash",
    "upload",
    "user",
    "user-check",
    "user-plus",
    "users",
    "wallet",
    "x",
)

_ICON_BODY = re.compile(r"<svg[^>]*>(?P<body>.*)</svg>", re.DOTALL)
_EMPTY_BOX = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


def unpack(package: Package, into: Path) -> Path:
    """Download one package with the npm client and return its unpacked folder."""
    packed = into / package.name.replace("/", "-")
    packed.mkdir()
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to fetch packages; install it and run this again")
    subprocess.run(  # noqa: S603 (the arguments are the constants above)
        [npm, "pack", f"{package.name}@{package.version}", "--silent"],
        cwd=packed,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with tarfile.open(next(packed.glob("*.tgz"))) as archive:
        archive.extractall(packed, filter="data")
    return packed / "package"


def sprite(folder: Path) -> str:
    """Draw the listed outline icons as symbols of one SVG document."""
    symbols = []
    for name in ICONS:
        source = (folder / "icons/outline" / f"{name}.svg").read_text(encoding="utf-8")
        found = _ICON_BODY.search(source)
        if found is None:
            raise SystemExit(f"the icon {name} is not an SVG drawing")
        body = " ".join(_EMPTY_BOX.sub("", found["body"]).split())
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
            f'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">{body}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def compress(file: Path) -> None:
    """Write the `.br` and `.gz` neighbours that the server sends as they are."""
    if file.suffix in COMPRESSED_SUFFIXES:
        content = file.read_bytes()
        file.with_name(file.name + ".br").write_bytes(brotli.compress(content, quality=11))
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(content, 9, mtime=0))


def record(package: Package, licence: str, source: str, file: Path) -> str:
    """Describe one file for VENDOR.toml."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return (
        "[[file]]\n"
        f'name = "{file.name}"\n'
        f'package = "{package.name}"\n'
        f'version = "{package.version}"\n'
        f'licence = "{licence}"\n'
        f'source = "{source}"\n'
        f'sha256 = "{digest}"\n'
    )


def main() -> None:
    """Replace the vendor folder by what the lists above name."""
    records = []
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        for package in (*PACKAGES, ICON_PACKAGE):
            folder = unpack(package, Path(temporary))
            licence = json.loads((folder / "package.json").read_text(encoding="utf-8"))["license"]
            for source, name in package.files.items():
                shutil.copyfile(folder / source, VENDOR / name)
                records.append(record(package, licence, source, VENDOR / name))
            if package is ICON_PACKAGE:
                drawn = VENDOR / ICON_SPRITE
                drawn.write_text(sprite(folder), encoding="utf-8")
                source = "icons/outline: " + ", ".join(ICONS)
                records.append(record(package, licence, source, drawn))
    for file in sorted(VENDOR.iterdir()):
        compress(file)
    heading = "# Written by tools/vendor_assets.py; never edited by hand.\n\n"
    (VENDOR / "VENDOR.toml").write_text(heading + "\n".join(records), encoding="utf-8")


if __name__ == "__main__":
    main()
