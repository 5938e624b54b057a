"""Static files: addresses that never change their content, and where every foreign file is from."""

import gzip
import hashlib
import re
import tomllib

import brotli  # type: ignore[import-untyped]  # The package ships no types.
import pytest

from dueport_apps.web.assets import MEDIA_TYPES, STATIC_FOLDER, Assets
from dueport_core.errors import Misconfigured, NotFound
from tests.web.http.app import Web
from tests.web.http.memory import built_in_assets

VENDOR = STATIC_FOLDER / "vendor"


def test_every_vendored_file_is_the_one_that_was_recorded() -> None:
    records = tomllib.loads((VENDOR / "VENDOR.toml").read_text(encoding="utf-8"))["file"]
    recorded = {record["name"]: record for record in records}
    present = {file.name for file in VENDOR.iterdir() if file.suffix not in {".br", ".gz", ".toml"}}
    assert present == set(recorded)
    for name, record in recorded.items():
        content = (VENDOR / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"], name
        assert record["licence"]
        assert re.fullmatch(r"\d+\.\d+\.\d+", record["version"])


def test_the_compressed_forms_hold_the_same_content() -> None:
    for file in VENDOR.glob("*.br"):
        assert brotli.decompress(file.read_bytes()) == file.with_suffix("").read_bytes()
    for file in VENDOR.glob("*.gz"):
        assert gzip.decompress(file.read_bytes()) == file.with_suffix("").read_bytes()


def test_no_file_of_ours_names_another_host() -> None:
    for file in STATIC_FOLDER.glob("*.*"):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE), file.name


def test_no_page_has_an_inline_script_or_style_attribute() -> None:
    templates = list((STATIC_FOLDER.parent / "templates").rglob("*.html"))
    assert len(templates) >= 10
    for file in templates:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:|hx-on", text), file.name
        for script in re.findall(r"<script[^>]*>", text):
            assert "nonce=" in script, file.name
            assert "src=" in script, file.name


@pytest.mark.parametrize("accepted", ["br, gzip", "gzip;q=0.8", "identity"])
async def test_a_file_is_sent_with_its_own_type_for_ever(accepted: str) -> None:
    assets = built_in_assets()
    async with Web().browser() as browser:
        for name in sorted(assets.names()):
            answer = await browser.get(assets.url(name), headers={"accept-encoding": accepted})
            assert answer.status_code == 200, name
            suffix = "." + name.rsplit(".", 1)[1]
            assert answer.headers["content-type"].split(";")[0] == MEDIA_TYPES[suffix]
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "set-cookie" not in answer.headers
            digest = assets.url(name).split("/")[2]
            assert answer.content == assets.find(digest, name).content
            if accepted.startswith("br") and suffix == ".css":
                assert answer.headers["content-encoding"] == "br"


@pytest.mark.parametrize(
    "address",
    [
        "/static/000000000000/dueport.css",
        "/static/{digest}/nothing.css",
        "/static/{digest}/../dueport.css",
        "/static/{digest}/%2e%2e/%2e%2e/assets.py",
        "/static/{digest}/..%2f..%2fassets.py",
        "/static/{digest}//etc/passwd",
        "/static/{digest}/vendor/VENDOR.toml",
        "/static/{digest}/dueport.css%00.js",
        "/static/dueport.css",
        "/static/",
    ],
)
async def test_anything_else_below_static_is_not_found(address: str) -> None:
    digest = built_in_assets().url("dueport.css").split("/")[2]
    async with Web().browser() as browser:
        answer = await browser.get(address.replace("{digest}", digest))
    assert answer.status_code == 404


def test_the_stylesheet_loads_the_font_from_its_immutable_address() -> None:
    assets = built_in_assets()
    url = assets.url("dueport.css")
    stylesheet = assets.find(url.split("/")[2], "dueport.css").content.decode()
    assert f'url("{assets.url("vendor/inter.woff2")}")' in stylesheet
    assert 'url("vendor/' not in stylesheet


def test_a_page_cannot_name_a_file_that_is_not_there() -> None:
    assets = Assets()
    with pytest.raises(Misconfigured, match=r"nothing\.css"):
        assets.url("nothing.css")
    with pytest.raises(NotFound):
        assets.find("000000000000", "dueport.css")
