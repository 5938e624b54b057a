"""The project speaks of itself alone, and carries no leftovers."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {".py", ".md", ".toml", ".html", ".j2", ".js", ".css", ".txt", ".typ", ".yml", ".cfg", ""}


def texts() -> list[tuple[str, str]]:
    """Return every tracked text of ours with its name; vendored files are not ours."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.suffix in TEXTS and "/vendor/" not in name and path.is_file():
            found.append((name, path.read_text(encoding="utf-8")))
    return found


def test_no_lock_file_carries_an_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert not re.search(r"https?://|^--", (ROOT / name).read_text(), re.MULTILINE), name


def test_nothing_is_left_to_do_in_the_code() -> None:
    words = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|except[^:\n]*:\s*pass\b")
    hits = [
        f"{name}: {match.group()}"
        for name, text in texts()
        if name.endswith((".py", ".html", ".j2", ".js"))
        for match in words.finditer(text)
    ]
    assert hits == []


def test_every_ignore_carries_its_reason() -> None:
    bare = re.compile(r"#\s*(noqa|type:\s*ignore)(\[[^\]]*\]|:\s*[A-Z0-9, ]+)?\s*$", re.MULTILINE)
    hits = [name for name, text in texts() if name.endswith(".py") and bare.search(text)]
    assert hits == []
