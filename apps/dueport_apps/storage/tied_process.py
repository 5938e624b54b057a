"""A child process that ends when its parent ends, however the parent ends.

A private database server must never outlive the application that started it: the next start would
find a stranger on its data. `TiedProcess` starts a program through this very file, run as a
script, which gives up root if it has to, asks the kernel to interrupt it when its parent dies
(`PR_SET_PDEATHSIG`, Linux) and then becomes the program. Asking from inside the child is what
makes it survive the change of user: the kernel forgets the request when credentials change.

The kernel's "parent" is the thread that forked, not the process. A server started from a worker
thread of a pool would be interrupted when the pool lets that thread go, so every child gets a
keeper thread of its own, which lives exactly as long as the child.

Elsewhere than on Linux the kernel offers no such request; there the next start finds the orphan
and ends it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PARENT_IS_GONE = 71
_KEEP = "-"


class TiedProcess:
    """A running program in a session of its own, so that Ctrl-C reaches only the application.

    `user_id` and `group_id` name whom the program runs as; None keeps the present user. Output of
    both streams is appended to `log`. Raises OSError when the program could not be started at all.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        user_id: int | None = None,
        group_id: int | None = None,
    ) -> None:
        self._command = [
            sys.executable,
            "-I",
            "-S",
            __file__,
            str(os.getpid()),
            _KEEP if user_id is None else str(user_id),
            _KEEP if group_id is None else str(group_id),
            *command,
        ]
        self._log = log
        self._environment = dict(environment)
        self._started = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        threading.Thread(target=self._keep, name=f"keeper of {command[0]}", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def _keep(self) -> None:
        try:
            with self._log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - the command is ours, no shell.
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=self._environment,
                    start_new_session=True,
                )
        except OSError as failure:
            self._failure = failure
            return
        finally:
            self._started.set()
        self._process.wait()
        self._ended.set()

    @property
    def pid(self) -> int:
        """The program's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the program runs."""
        assert self._process is not None
        return self._process.returncode if self._ended.is_set() else None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has already ended."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Tell whether the program ended within this time."""
        return self._ended.wait(timeout_s)


def _become(arguments: Sequence[str]) -> None:
    """Give up root, tie this process to its parent, and turn into the program."""
    parent, user_id, group_id, *command = arguments
    if user_id != _KEEP:
        os.setgroups([])
        os.setgid(int(group_id))
        os.setuid(int(user_id))
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "prctl(PR_SET_PDEATHSIG)")
        # The parent may have died before the request was made, and would not be missed again.
        if os.getppid() != int(parent):
            sys.exit(_PARENT_IS_GONE)
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the purpose.


if __name__ == "__main__":
    _become(sys.argv[1:])
