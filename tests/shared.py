"""Where tests find the reference material that may lie beside a checkout."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(relative: str) -> Path:
    """Return a reference file's path, or skip the calling test where the folder is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"the reference file {relative} does not lie beside this checkout")
    return path
