"""Say which Chromium the journey tests use; install Debian's where none is.

Usage: ``python -m tools.ensure_browser``
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the browser that ``DUEPORT_CHROMIUM`` names, or the first one on the path."""
    named = os.environ.get("DUEPORT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> None:
    """Install with apt where that is possible; otherwise say what to do and fail."""
    browser = find_browser()
    if browser is None:
        apt = shutil.which("apt-get")
        if apt is None or os.geteuid() != 0:
            sys.exit(
                "The journey tests need Chromium. Install it, or name one in DUEPORT_CHROMIUM."
            )
        print("No Chromium here: installing Debian's package for the journey tests.", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        packages = ["chromium", "fonts-dejavu-core"]
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
            subprocess.run(  # noqa: S603 - fixed arguments.
                [apt, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL
            )
        browser = find_browser()
    print(f"Journey tests use {browser}.")


if __name__ == "__main__":
    main()
