"""A private PostgreSQL that lives in the data folder and ends with the application.

It is what a dealer gets without asking for a server, and what the tests run on, so that there is
one database dialect everywhere. It listens on a unix socket in a folder that only its own user may
enter, never on a port; inside that folder everybody is trusted, which is why production names a
server of its own in `database.url`.

Whoever holds the lock on the data folder owns the server. A second start while the owner lives
attaches to the running server and leaves it running when it stops. An owner that dies, even by
kill -9, takes the server along; the next start finds at worst a server that is still closing its
files, waits for it, and starts afresh on the same data.

    data folder/
      cluster/         PostgreSQL's own files
      run/             the socket (elsewhere, when the data folder's path is too long for one)
      programs/        a copy of the wheel's programs, only where they could not be reached
      server.log       what the server said
      owner.lock       held by the process that started the server
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import psycopg.errors
from psycopg import sql
from sqlalchemy.engine import URL

from dueport_apps.storage.postgres_binaries import PostgresBinaries, find_binaries
from dueport_apps.storage.server_account import ServerAccount, server_account
from dueport_apps.storage.socket_folder import private_socket_folder
from dueport_apps.storage.tied_process import TiedProcess
from dueport_core.errors import Conflict, Misconfigured, Unavailable

DEFAULT_DATABASE = "dueport"
_USER = "dueport"
_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"

_ATTACH_S = 60.0
_READY_S = 120.0
_STOP_S = 60.0
_ORPHAN_GRACE_S = 2.0
_LOG_BYTES_MAX = 5_000_000

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "64MB",
    "max_connections": "100",
}
# For data that nobody will miss: tests may lose everything when the machine loses power.
_FORGETFUL_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class EmbeddedPostgres:
    """One PostgreSQL server over one data folder.

    `binaries` names the folder of PostgreSQL's programs; by default they are searched for.
    `durable=False` trades the data's safety on power loss for speed and is for tests.
    """

    def __init__(
        self, data_folder: Path, *, binaries: Path | None = None, durable: bool = True
    ) -> None:
        self._folder = data_folder.absolute()
        self._binaries = binaries
        self._durable = durable
        self._lock: int | None = None
        self._process: TiedProcess | None = None
        self._socket_folder: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What the server has said; a few megabytes are kept."""
        return self._folder / "server.log"

    @property
    def owns_server(self) -> bool:
        """True when this object started the server and its stop ends it."""
        return self._process is not None

    def start(self, database: str = DEFAULT_DATABASE) -> str:
        """Start the server, or attach to it where it runs, and return the database's URL.

        The database is created when it does not exist. Repeating a start changes nothing. Raises
        Misconfigured when the folder or the programs cannot be used, with what to change, and
        Unavailable when the server does not come up, with the end of its log.
        """
        if self._socket_folder is None:
            account = self._prepare_folder()
            deadline = time.monotonic() + _ATTACH_S
            while not self._take_lock():
                if self._attach():
                    break
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"Another process holds the data folder {self._folder}, but its database "
                        "does not answer. End that process, or choose another data folder."
                    )
                time.sleep(0.05)
            else:
                try:
                    self._start_server(account)
                except BaseException:
                    self.stop()
                    raise
        self._ensure_database(database)
        return self.url(database)

    def stop(self) -> None:
        """End the server if this object started it; an attached server is left running."""
        if self._process is not None and self._process.exit_code is None:
            self._process.send(signal.SIGINT)
            if not self._process.wait(_STOP_S):
                self._process.send(signal.SIGQUIT)
                self._process.wait(_STOP_S)
        self._process = None
        self._socket_folder = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def url(self, database: str = DEFAULT_DATABASE) -> str:
        """Return the SQLAlchemy URL of a database on the running server."""
        return URL.create(
            "postgresql+psycopg",
            username=_USER,
            database=database,
            query={"host": str(self._running_in()), "port": str(_PORT)},
        ).render_as_string()

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another, and return its URL.

        Raises Conflict when the name is taken, or while somebody is connected to the template.
        """
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {} STRATEGY WAL_LOG").format(sql.Identifier(template))
        try:
            self._administer(statement)
        except psycopg.errors.DuplicateDatabase:
            raise Conflict(f"The database {name} exists already; drop it first.") from None
        except psycopg.errors.ObjectInUse as error:
            raise Conflict(
                f"The database {template} cannot be copied while somebody is connected to it; "
                "close those connections first."
            ) from error
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it; an unknown name is no error."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    # The data folder.

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    def _prepare_folder(self) -> ServerAccount:
        """Make the data folder and check that the server's account reaches it."""
        existing = next(path for path in (self._folder, *self._folder.parents) if path.exists())
        if existing != self._folder and not os.access(existing, os.W_OK | os.X_OK):
            raise Misconfigured(
                f"The data folder {self._folder} cannot be created, because {existing} is not "
                "writable for you. Choose another data folder, or create it and own it."
            )
        # Folders that we make for root must let the server's account through, under any mask.
        for path in reversed([self._folder, *self._folder.parents]):
            if not path.exists():
                path.mkdir()
                path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise Misconfigured(
                f"The data folder {self._folder} is not yours to write in. Start as its owner, or "
                "choose another data folder."
            )
        account = server_account(self._cluster)
        for path in reversed([self._folder, *self._folder.parents]):
            if not account.can_enter(path):
                raise Misconfigured(
                    f"PostgreSQL refuses to run as root and runs as the user {account.name}, who "
                    f"cannot reach the data folder {self._folder} because {path} is closed to "
                    "others. Choose a data folder that others may pass through, such as "
                    "/var/lib/dueport, or start as an ordinary user. No permission was changed."
                )
        return account

    def _take_lock(self) -> bool:
        """Try to become the owner; the kernel frees the lock when the owner dies."""
        try:
            lock = os.open(self._folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            raise Misconfigured(
                f"The data folder {self._folder} is used by another user. Start as that user or "
                "as root, or choose another data folder."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    # Joining a server that runs, and ending one that nobody owns.

    def _postmaster(self) -> tuple[int, Path] | None:
        """Return the process id and socket folder that the server wrote down, if it did."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not lines[0].isdigit():
            return None
        return int(lines[0]), Path(lines[4])

    def _attach(self) -> bool:
        postmaster = self._postmaster()
        if postmaster is None:
            return False
        try:
            _connect(postmaster[1]).close()
        except psycopg.OperationalError:
            return False
        self._socket_folder = postmaster[1]
        return True

    def _end_orphan(self) -> None:
        """Wait for a server whose owner died, and forget one that is no longer there."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        process_id = postmaster[0]
        if not _runs_in(process_id, self._cluster):
            # The number was given to another process since; PostgreSQL would take it for itself.
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        if _wait_until_gone(process_id, self._cluster, _ORPHAN_GRACE_S):
            return
        os.kill(process_id, signal.SIGINT)
        if not _wait_until_gone(process_id, self._cluster, _STOP_S):
            raise Unavailable(
                f"A PostgreSQL that lost its application still runs on {self._cluster} as process "
                f"{process_id} and does not stop. End it, then start again."
            )

    # Starting.

    def _start_server(self, account: ServerAccount) -> None:
        self._end_orphan()
        binaries = find_binaries(
            account,
            chosen=self._binaries,
            major=self._made_by(),
            private_folder=self._folder / "programs",
        )
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        if not self._cluster.exists():
            self._initialise(binaries, account)
        socket_folder = private_socket_folder(self._folder, account, _SOCKET)
        settings = dict(_SETTINGS, unix_socket_directories=f'"{socket_folder}"')
        if not self._durable:
            settings |= _FORGETFUL_SETTINGS
        command = [binaries.program("postgres"), "-D", str(self._cluster), "-p", str(_PORT)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self._process = self._run(command, account)
        self._wait_until_ready(self._process, socket_folder)
        self._socket_folder = socket_folder

    def _made_by(self) -> int | None:
        """Return the major version that made the existing data."""
        try:
            return int((self._cluster / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def _initialise(self, binaries: PostgresBinaries, account: ServerAccount) -> None:
        """Make the cluster under another name first, so that it exists whole or not at all."""
        # A start that was killed may leave programs that still write for a moment, so what it made
        # is cleared as far as it can be, and this start uses a name of its own.
        for left_over in self._folder.glob("cluster.unfinished-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="cluster.unfinished-", dir=self._folder))
        account.own(unfinished)
        command = [
            binaries.program("initdb"),
            f"--pgdata={unfinished}",
            f"--username={_USER}",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
        ]
        if not self._durable:
            command.append("--no-sync")
        process = self._run(command, account)
        if not process.wait(_READY_S) or process.exit_code != 0:
            process.send(signal.SIGTERM)
            raise Unavailable(
                f"PostgreSQL could not create its files in {self._folder}. {self._last_words()}"
            )
        unfinished.rename(self._cluster)

    def _wait_until_ready(self, process: TiedProcess, socket_folder: Path) -> None:
        deadline = time.monotonic() + _READY_S
        while process.exit_code is None and time.monotonic() < deadline:
            try:
                _connect(socket_folder).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise Unavailable(f"PostgreSQL did not start in {self._folder}. {self._last_words()}")

    def _run(self, command: list[str], account: ServerAccount) -> TiedProcess:
        # The caller's own PostgreSQL variables must not steer this server.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "LC_", "LANG"))
        }
        return TiedProcess(
            command,
            log=self.log,
            environment=environment | {"LC_ALL": "C"},
            user_id=account.user_id if account.is_another else None,
            group_id=account.group_id if account.is_another else None,
        )

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = "\n".join(lines[-8:]) or "nothing"
        return f"The end of {self.log} says:\n{said}"

    # Databases.

    def _running_in(self) -> Path:
        if self._socket_folder is None:
            raise Conflict("The embedded database is not running; start it first.")
        return self._socket_folder

    def _administer(self, statement: sql.Composed) -> None:
        with _connect(self._running_in()) as connection:
            connection.execute(statement)

    def _ensure_database(self, name: str) -> None:
        with _connect(self._running_in()) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is not None:
                return
        try:
            self.create_database(name)
        except (Conflict, psycopg.errors.UniqueViolation):
            # Somebody who attached at the same moment created it; either is as good.
            return


def _connect(socket_folder: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(socket_folder),
        port=_PORT,
        user=_USER,
        dbname="postgres",
        connect_timeout=5,
        autocommit=True,
    )


def _runs_in(process_id: int, cluster: Path) -> bool:
    """Tell whether this process is a server over the cluster; a server works inside its folder."""
    try:
        os.kill(process_id, 0)
        return Path(f"/proc/{process_id}/cwd").readlink() == cluster.resolve()
    except (ProcessLookupError, PermissionError):
        # Gone, or a process of somebody else, which our server never is.
        return False
    except FileNotFoundError:
        # Without /proc the number alone has to do; a process that just ended is gone.
        return not Path("/proc/self").exists()


def _wait_until_gone(process_id: int, cluster: Path, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while _runs_in(process_id, cluster):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
