"""Whom the embedded PostgreSQL runs as.

PostgreSQL refuses to run as root. An application started by root therefore hands the server to an
unprivileged account that already exists; nothing is created and no permission outside the data
folder is changed. An application started by anyone else runs the server as itself.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dueport_core.errors import Misconfigured

_UNPRIVILEGED = ("postgres", "nobody")


class ServerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A system user; `is_another` when it is not the user this process runs as."""

    name: str
    user_id: int
    group_id: int
    is_another: bool

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a short command as this account and return what it printed.

        Raises OSError when this account may not execute it.
        """
        return subprocess.run(  # noqa: S603 - commands are ours, no shell expands them.
            command,
            user=self.user_id if self.is_another else None,
            group=self.group_id if self.is_another else None,
            extra_groups=[] if self.is_another else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            timeout=30,
            check=False,
        )

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this account can reach what lies in the folder."""
        if not self.is_another:
            return os.access(folder, os.X_OK)
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]).returncode == 0

    def own(self, folder: Path) -> None:
        """Give a folder that we made to this account, closed to everybody else."""
        if self.is_another:
            os.chown(folder, self.user_id, self.group_id)
        folder.chmod(0o700)


def server_account(cluster: Path) -> ServerAccount:
    """Choose who runs the server over this cluster folder, which may not exist yet.

    Root hands over to whoever owns the cluster, so that data made by one user keeps working when
    root starts it later. Raises Misconfigured when the cluster belongs to somebody whom this
    process cannot become, or when root finds no account to hand over to.
    """
    owner_id = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner_id is not None and owner_id != os.geteuid():
            raise Misconfigured(
                f"The database in {cluster} belongs to the user {_name(owner_id)}. Start as that "
                "user or as root, or choose another data folder."
            )
        return ServerAccount(
            name=_name(os.geteuid()),
            user_id=os.geteuid(),
            group_id=os.getegid(),
            is_another=False,
        )
    if owner_id == 0:
        raise Misconfigured(
            f"The database in {cluster} belongs to root, and PostgreSQL refuses to run as root. "
            "Give the folder to an ordinary user with chown -R, or choose another data folder."
        )
    if owner_id is not None:
        return ServerAccount(
            name=_name(owner_id),
            user_id=owner_id,
            group_id=cluster.stat().st_gid,
            is_another=True,
        )
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(
            name=name, user_id=entry.pw_uid, group_id=entry.pw_gid, is_another=True
        )
    raise Misconfigured(
        "PostgreSQL refuses to run as root, and this system has neither of the users "
        f"{' and '.join(_UNPRIVILEGED)} to run it as. Start as an ordinary user, or set "
        "database.url to a PostgreSQL server."
    )


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
