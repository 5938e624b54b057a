"""How much work something takes, counted instead of timed: the same on every machine, busy or not."""

import sys
from collections.abc import Callable
from types import FrameType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


def calls_of(run: Callable[[], object]) -> int:
    """Count the function calls that this makes, those of the interpreter's own functions too."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


async def rows_read(connection: AsyncConnection) -> int:
    """Count the rows that this transaction has read so far, those it passed over too."""
    found = await connection.scalar(
        text("SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) FROM pg_stat_xact_user_tables")
    )
    return int(found)
