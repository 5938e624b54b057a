"""The dealer's logo in the configuration: what is taken, and what is said about what is not."""

import struct
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from dueport_apps.cli import main
from dueport_apps.commands.check import NO_DATABASE
from dueport_apps.commands.init import Answers, write_config
from dueport_apps.container import build_container, check_wiring
from dueport_apps.documents.letterhead import draw_logo
from dueport_apps.logo import BYTES_MAX, Logo, fitted, logo_from
from dueport_apps.settings import load_settings
from dueport_core.errors import Misconfigured
from tests.pictures import JPEG, png

QUESTIONS = 10


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that names logo.png, which lies beside it."""
    (tmp_path / "logo.png").write_bytes(png())
    answers = Answers(name="Yard", reply_to="ar@yard.example", logo="logo.png")
    return write_config(tmp_path, answers)


def run(config: Path, *arguments: str, keys: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments], input=keys)


def refusal(config: Path) -> str:
    with pytest.raises(Misconfigured) as found:
        load_settings(config)
    return str(found.value)


def test_a_logo_beside_the_configuration_is_read_with_it(config: Path) -> None:
    settings = load_settings(config)

    assert settings.logo is not None
    assert (settings.logo.width, settings.logo.height) == (400, 100)
    shown = settings.dealer_facts.logo
    assert shown is not None
    assert shown.url == f"http://127.0.0.1:8400{settings.logo.path}"
    assert (shown.width, shown.height) == (400, 100)


def test_without_the_setting_there_is_no_logo_anywhere(tmp_path: Path) -> None:
    settings = load_settings(
        write_config(tmp_path, Answers(name="Yard", reply_to="a@yard.example"))
    )

    assert settings.logo is None
    assert settings.dealer_facts.logo is None


def test_another_picture_has_another_address_and_the_same_one_keeps_it() -> None:
    assert logo_from(png()).path == logo_from(png()).path
    assert logo_from(png()).path != logo_from(png(400, 101)).path
    assert logo_from(png()).path.endswith(".png")
    assert logo_from(JPEG).path.endswith(".jpeg")


def test_the_format_is_told_by_the_content_and_not_by_the_name(config: Path) -> None:
    (config.parent / "logo.png").write_bytes(JPEG)

    logo = load_settings(config).logo

    assert logo is not None
    assert (logo.media_type, logo.width, logo.height) == ("image/jpeg", 48, 24)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither a PNG nor a JPEG"),
        (b"GIF89a" + bytes(40), "neither a PNG nor a JPEG"),
        (b"", "neither a PNG nor a JPEG"),
        (png()[:-20], "damaged; copy it again"),
        (png().replace(b"IDAT", b"IDAX"), "damaged; copy it again"),
        (b"\x89PNG\r\n\x1a\n", "damaged; copy it again"),
        (JPEG[:-2], "damaged; copy it again"),
        (JPEG[:40], "damaged; copy it again"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), "browsers do not show everywhere"),
        (png(15, 40), "has 15 x 40 pixels"),
        (png(2001, 20), "must lie between 16 and 2000"),
        (png(padding=BYTES_MAX), "save it smaller, at most 300 KB"),
    ],
    ids=[
        "svg", "gif", "empty", "cut", "broken", "nothing in it", "cut jpeg", "jpeg head",
        "unusual jpeg", "too narrow", "too wide", "too large",
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_what_to_do(config: Path, content: bytes, words: str) -> None:
    (config.parent / "logo.png").write_bytes(content)

    text = refusal(config)

    assert f"dealer.logo: {config.parent / 'logo.png'} " in text
    assert words in text


def test_a_printers_jpeg_of_four_inks_is_refused() -> None:
    place = JPEG.index(b"\xff\xc0")
    inks = bytearray(JPEG)
    inks[place + 9] = 4

    with pytest.raises(Misconfigured, match="RGB"):
        logo_from(bytes(inks))


def test_no_cut_or_garbled_picture_does_anything_but_be_refused_or_taken() -> None:
    for whole in (png(20, 20), JPEG):
        for length in range(len(whole)):
            with pytest.raises(Misconfigured):
                logo_from(whole[:length])
            garbled = whole[:length] + struct.pack("B", whole[length] ^ 0xFF) + whole[length + 1 :]
            try:
                taken = logo_from(garbled)
            except Misconfigured:
                continue
            assert isinstance(taken, Logo)


def test_a_file_that_is_not_there_is_named_together_with_every_other_problem(config: Path) -> None:
    (config.parent / "logo.png").unlink()
    (config.parent / "secrets" / "secret_key").unlink()
    config.write_text(config.read_text().replace("America/New_York", "Mars/Olympus"))

    result = run(config, "check")

    assert result.exit_code == 3
    assert "dealer.toml has 3 problem(s)" in result.stderr
    assert "dealer.logo: there is no file" in result.stderr
    assert "'Mars/Olympus' is not a time zone" in result.stderr
    assert "secret_key: the secret file" in result.stderr


def test_check_says_which_logo_it_found(config: Path) -> None:
    assert "ok    logo: logo.png, 400 x 100 pixels, 1 KB" in run(config, "check").stdout


def test_a_picture_that_no_paper_can_show_stops_the_start(config: Path) -> None:
    """Whoever reads only as far as the size finds nothing wrong with it."""
    hollow = structs.replace(logo_from(JPEG), content=b"\xff\xd8\xff\xd9")
    settings = structs.replace(load_settings(config), logo=hollow)

    with pytest.raises(Misconfigured) as found:
        check_wiring(build_container(settings, NO_DATABASE))

    assert "dealer.logo: logo.png cannot be set into a PDF" in str(found.value)
    assert "SMTP_PASSWORD" in str(found.value), "the other problems are named with it"
    draw_logo(logo_from(JPEG))


def test_init_asks_again_for_a_logo_that_cannot_be_shown(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(png())
    (tmp_path / "logo.svg").write_text("<svg/>")
    answers = ["Yard", "ar@yard.example", "", "logo.svg", "none.png", "logo.png"]

    result = run(tmp_path / "dealer.toml", "init", keys="\n".join(answers) + "\n" * QUESTIONS)

    assert result.exit_code == 0, result.output
    assert "neither a PNG nor a JPEG" in result.output
    assert "there is no file" in result.output
    assert load_settings(tmp_path / "dealer.toml").logo is not None


def test_init_takes_no_answer_for_no_logo(tmp_path: Path) -> None:
    answers = ["Yard", "ar@yard.example"]

    result = run(tmp_path / "dealer.toml", "init", keys="\n".join(answers) + "\n" * QUESTIONS)

    assert result.exit_code == 0, result.output
    assert load_settings(tmp_path / "dealer.toml").logo is None


def test_nothing_is_written_for_a_logo_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no file"):
        write_config(tmp_path, Answers(name="Y", reply_to="a@y.example", logo="none.png"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "box", "shown"),
    [
        ((400, 100), (176, 36), (144, 36)),
        ((2000, 100), (176, 36), (176, 9)),
        ((100, 100), (176, 36), (36, 36)),
        ((30, 20), (176, 36), (30, 20)),
        ((2000, 16), (100, 36), (100, 1)),
    ],
)
def test_a_logo_is_shown_whole_in_its_proportions_and_never_enlarged(
    size: tuple[int, int], box: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert fitted(*size, *box) == shown
