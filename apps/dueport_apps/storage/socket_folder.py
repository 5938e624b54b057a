"""Where the embedded PostgreSQL's socket lies: a folder that only its own account may enter.

That folder is all that protects the database, since whoever reaches the socket is trusted. A
socket's path is limited to about a hundred bytes; when the data folder is deeper than that, a
short private folder is made among the temporary ones.
"""

import os
import tempfile
from pathlib import Path

from dueport_apps.storage.server_account import ServerAccount
from dueport_core.errors import Misconfigured

# The shortest limit among the systems that have unix sockets (macOS 104, Linux 108 bytes), less
# the closing zero byte.
_PATH_BYTES_MAX = 103


def private_socket_folder(data_folder: Path, account: ServerAccount, socket: str) -> Path:
    """Make, or find again, the folder for a socket of this name, owned by the account.

    Raises Misconfigured when even the temporary folder's path is too long.
    """
    inside = data_folder / "run"
    if _fits(inside / socket):
        inside.mkdir(exist_ok=True)
        account.own(inside)
        return inside
    # Remembered, so that an owner that was killed leaves one such folder behind, not many.
    memory = data_folder / "socket-folder"
    if memory.exists():
        remembered = Path(memory.read_text())
        if _is_private_folder_of(remembered, account):
            return remembered
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the folder inside is private.
        if _fits(Path(parent) / "dueport-12345678" / socket) and account.can_enter(Path(parent)):
            made = Path(tempfile.mkdtemp(prefix="dueport-", dir=parent))
            account.own(made)
            memory.write_text(str(made))
            return made
    raise Misconfigured(
        f"The path of the data folder {data_folder} is too long for a unix socket, and the "
        "temporary folder's is too. Choose a shorter data folder."
    )


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _PATH_BYTES_MAX


def _is_private_folder_of(folder: Path, account: ServerAccount) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return folder.is_dir() and status.st_uid == account.user_id and status.st_mode & 0o777 == 0o700
