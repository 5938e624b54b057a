"""Pin every dependency with its hashes; the files carry versions and hashes, no addresses.

Usage: ``python -m tools.lock``
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--strip-extras",
    "--allow-unsafe",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
)


def main() -> None:
    """Write requirements-dev.txt first, so that both files pin the same versions."""
    compile_command = [sys.executable, "-m", "piptools", "compile", *OPTIONS]
    lock(compile_command, "requirements-dev.txt", "--extra", "dev")
    lock(
        compile_command,
        "requirements.txt",
        "--extra",
        "build",
        "--constraint",
        "requirements-dev.txt",
    )


def lock(command: list[str], output: str, *options: str) -> None:
    """Compile one file from pyproject.toml."""
    subprocess.run(  # noqa: S603 - fixed arguments.
        [*command, "--output-file", output, *options, "pyproject.toml"], cwd=ROOT, check=True
    )


if __name__ == "__main__":
    main()
