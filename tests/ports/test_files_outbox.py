"""The outbox writes a batch once, wherever it is cut off."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dueport_ports import NamedFile, Rejected, Unavailable
from dueport_ports.files import Outbox, file_safe

KEY = "dealer:po_1:invoices:1"
FILES = (NamedFile("a.csv", "text/csv", b"1\n"), NamedFile("b.csv", "text/csv", b"2\n"))


def outbox(root: Path) -> Outbox:
    (root / "out").mkdir(exist_ok=True)
    now = datetime.datetime(2026, 3, 31, tzinfo=datetime.UTC)
    return Outbox(root / "out", root / "journal", lambda: now)


def published(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "out").iterdir() if path.is_file()}


def test_a_batch_is_published_once(tmp_path: Path) -> None:
    entry, first = outbox(tmp_path).write(KEY, b"batch", FILES, ["r1"])
    assert first
    assert entry.files == ("a.csv", "b.csv")
    again, first = outbox(tmp_path).write(KEY, b"batch", FILES, ["r1"])
    assert (again, first) == (entry, False)
    assert published(tmp_path) == {"a.csv": b"1\n", "b.csv": b"2\n"}


def test_a_file_that_a_person_took_away_does_not_come_back(tmp_path: Path) -> None:
    outbox(tmp_path).write(KEY, b"batch", FILES, [])
    (tmp_path / "out" / "a.csv").unlink()
    outbox(tmp_path).write(KEY, b"batch", FILES, [])
    assert outbox(tmp_path).find(KEY) is not None
    assert list(published(tmp_path)) == ["b.csv"]


def test_the_same_key_with_other_content_is_refused(tmp_path: Path) -> None:
    outbox(tmp_path).write(KEY, b"batch", FILES, [])
    with pytest.raises(Rejected, match="key of its own"):
        outbox(tmp_path).write(KEY, b"other", (NamedFile("c.csv", "text/csv", b"3\n"),), [])
    assert sorted(published(tmp_path)) == ["a.csv", "b.csv"]


def test_a_batch_that_was_never_written_is_not_found(tmp_path: Path) -> None:
    assert outbox(tmp_path).find(KEY) is None


def test_a_cut_between_commit_and_publication_is_finished_by_the_look_up(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    (tmp_path / "out" / "b.csv").mkdir()
    with pytest.raises(Unavailable):
        box.write(KEY, b"batch", FILES, ["r1"])
    assert list(published(tmp_path)) == ["a.csv"], "the first file is out, the second is not"
    (tmp_path / "out" / "a.csv").unlink()
    (tmp_path / "out" / "b.csv").rmdir()
    found = outbox(tmp_path).find(KEY)
    assert found is not None
    assert published(tmp_path) == {"b.csv": b"2\n"}, "what a person already took stays away"


def test_a_cut_before_the_commit_leaves_nothing_that_anybody_sees(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    (tmp_path / "journal").write_text("a file where the journal's folder belongs")
    with pytest.raises(Unavailable):
        box.write(KEY, b"batch", FILES, [])
    assert published(tmp_path) == {}
    (tmp_path / "journal").unlink()
    assert outbox(tmp_path).find(KEY) is None
    _, first = outbox(tmp_path).write(KEY, b"batch", FILES, [])
    assert first
    assert sorted(published(tmp_path)) == ["a.csv", "b.csv"]


def test_nothing_is_left_staged_after_a_publication(tmp_path: Path) -> None:
    outbox(tmp_path).write(KEY, b"batch", FILES, [])
    assert list((tmp_path / "out" / ".staging").iterdir()) == []


def test_of_many_writers_at_once_exactly_one_publishes(tmp_path: Path) -> None:
    boxes = [outbox(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda box: box.write(KEY, b"batch", FILES, ["r1"]), boxes))
    assert sum(first for _, first in results) == 1
    assert len({entry.stage for entry, _ in results}) == 1
    assert sorted(published(tmp_path)) == ["a.csv", "b.csv"]
    assert list((tmp_path / "out" / ".staging").iterdir()) == []


def test_keys_that_look_alike_as_file_names_stay_apart(tmp_path: Path) -> None:
    outbox(tmp_path).write("a:b", b"one", FILES[:1], [])
    assert outbox(tmp_path).find("a/b") is None


def test_a_name_never_leaves_its_folder() -> None:
    assert file_safe("../../etc/passwd") == "etc-passwd"
    assert file_safe("...") == "none"
    assert file_safe("po_1:é") == "po_1"
