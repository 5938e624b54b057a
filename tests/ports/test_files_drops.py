"""A delivery is read when it is complete, and held against what its sender said."""

import datetime
import hashlib
import json
import os
from pathlib import Path

import pytest

from dueport_ports import Conflict, Misconfigured, Unavailable
from dueport_ports.files import DeliveryGuard, Drop, complete_drop, read_files

NOW = datetime.datetime(2026, 3, 31, 6, 0, tzinfo=datetime.UTC)


def put(folder: Path, name: str, content: bytes = b"id\n1\n", age_s: float = 600) -> Path:
    path = folder / name
    path.write_bytes(content)
    written_at = NOW.timestamp() - age_s
    os.utime(path, (written_at, written_at))
    return path


def put_manifest(folder: Path, **changes: object) -> None:
    files = [
        {
            "name": path.name,
            "rows": 1,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.glob("*.csv"))
    ]
    told = {"batch": "b1", "generated_at": "2026-03-31T05:00:00Z", "files": files, **changes}
    put(folder, "manifest.json", json.dumps(told).encode(), age_s=500)


def stable(folder: Path) -> Drop:
    return complete_drop(folder, "stable", 10, NOW)


def test_a_file_that_still_grows_is_not_read_yet(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, "b.csv", age_s=4)
    with pytest.raises(Unavailable, match=r"changed 4 s ago") as caught:
        stable(tmp_path)
    assert caught.value.retry_after_s == 7
    put(tmp_path, "b.csv", age_s=10)
    assert list(stable(tmp_path).paths) == ["a.csv", "b.csv"]


def test_temporary_files_and_folders_are_not_part_of_a_delivery(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, ".b.csv.part", age_s=0)
    put(tmp_path, "~lock.csv", age_s=0)
    (tmp_path / "archive").mkdir()
    assert list(stable(tmp_path).paths) == ["a.csv"]


def test_the_balances_are_as_old_as_the_oldest_file(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", age_s=7200)
    put(tmp_path, "b.csv", age_s=60)
    assert stable(tmp_path).as_of == NOW - datetime.timedelta(hours=2)


def test_the_mark_must_be_there_and_be_the_last(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", age_s=30)
    with pytest.raises(Unavailable, match="no _DONE yet"):
        complete_drop(tmp_path, "done", 10, NOW)
    put(tmp_path, "_DONE", b"", age_s=60)
    with pytest.raises(Unavailable, match="newer than _DONE"):
        complete_drop(tmp_path, "done", 10, NOW)
    put(tmp_path, "_DONE", b"", age_s=1)
    assert list(complete_drop(tmp_path, "done", 10, NOW).paths) == ["a.csv"]


def test_a_manifest_gives_the_time_and_its_checksums_are_kept(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    with pytest.raises(Unavailable, match=r"no manifest\.json yet"):
        complete_drop(tmp_path, "manifest", 10, NOW)
    put_manifest(tmp_path)
    drop = complete_drop(tmp_path, "manifest", 10, NOW)
    assert drop.as_of == datetime.datetime(2026, 3, 31, 5, 0, tzinfo=datetime.UTC)
    assert read_files(drop, ["a.csv"]) == {"a.csv": b"id\n1\n"}


def test_a_new_file_before_its_manifest_is_waited_for_and_not_called_wrong(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put_manifest(tmp_path)
    put(tmp_path, "a.csv", b"id\n1\n2\n", age_s=20)
    with pytest.raises(Unavailable, match=r"newer than manifest\.json"):
        complete_drop(tmp_path, "manifest", 10, NOW)


def test_a_file_that_is_not_what_the_manifest_says_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put_manifest(tmp_path)
    put(tmp_path, "a.csv", b"id\n9\n")
    put(tmp_path, "b.csv")
    drop = complete_drop(tmp_path, "manifest", 10, NOW)
    with pytest.raises(Misconfigured, match="checksum"):
        read_files(drop, ["a.csv"])
    with pytest.raises(Misconfigured, match=r"b\.csv is not in manifest\.json"):
        read_files(drop, ["b.csv"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"full": False}, "only full deliveries"),
        ({"generated_at": "2026-03-31T05:00:00"}, "time zone"),
        ({"files": [{"name": "a.csv"}]}, "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    put(tmp_path, "a.csv")
    put_manifest(tmp_path, **changes)
    with pytest.raises(Misconfigured, match=reason):
        complete_drop(tmp_path, "manifest", 10, NOW)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nowhere"):
        stable(tmp_path / "nowhere")


def test_a_file_that_vanishes_while_reading_is_tried_again_later(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv")
    drop = stable(tmp_path)
    path.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        read_files(drop, ["a.csv"])


def check(guard: DeliveryGuard, drop: Drop, documents: int, confirmed: int | None = None) -> None:
    guard.check(drop, documents, documents * 100, confirmed=confirmed, option="confirm_fall")


def test_a_fall_of_more_than_thirty_percent_needs_a_person(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", "a.csv")
    drop, guard = stable(tmp_path / "in"), DeliveryGuard(tmp_path / "last.json")
    check(guard, drop, 100)
    guard.accept(drop, 100, 10_000, NOW)
    check(guard, drop, 70)
    with pytest.raises(Conflict, match=r"from 100 to 69 .*set confirm_fall = 69"):
        check(guard, drop, 69)
    check(guard, drop, 69, confirmed=69)
    with pytest.raises(Conflict):
        check(guard, drop, 40, confirmed=69)


def test_few_documents_may_all_be_paid_at_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    drop, guard = stable(tmp_path / "in"), DeliveryGuard(tmp_path / "last.json")
    guard.accept(drop, 9, 900, NOW)
    check(guard, drop, 1)
    assert guard.last() is not None


def manifest_drop(folder: Path, **changes: object) -> Drop:
    put(folder, "a.csv")
    put_manifest(folder, **changes)
    return complete_drop(folder, "manifest", 10, NOW)


def test_an_older_or_a_changed_delivery_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    guard = DeliveryGuard(tmp_path / "last.json")
    guard.accept(manifest_drop(tmp_path / "in"), 5, 500, NOW)
    check(guard, manifest_drop(tmp_path / "in"), 5)
    older = manifest_drop(tmp_path / "in", batch="b0", generated_at="2026-03-30T05:00:00Z")
    with pytest.raises(Misconfigured, match="older than the last one"):
        check(guard, older, 5)
    changed = manifest_drop(tmp_path / "in", generated_at="2026-03-31T05:30:00Z")
    with pytest.raises(Misconfigured, match="batch b1 was already taken"):
        check(guard, changed, 5)


def test_the_manifests_totals_must_be_met(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    guard = DeliveryGuard(tmp_path / "last.json")
    totals = {"open_documents": 5, "open_amount": "5.00"}
    check(guard, manifest_drop(tmp_path / "in", totals=totals), 5)
    with pytest.raises(Misconfigured, match="names 5 open documents and the files hold 6"):
        check(guard, manifest_drop(tmp_path / "in", totals=totals), 6)
    with pytest.raises(Misconfigured, match=r"open amount of 4\.99 and the files hold 5\.00"):
        check(guard, manifest_drop(tmp_path / "in", totals={"open_amount": "4.99"}), 5)
    with pytest.raises(Misconfigured, match="not an amount"):
        check(guard, manifest_drop(tmp_path / "in", totals={"open_amount": "4,99"}), 5)
