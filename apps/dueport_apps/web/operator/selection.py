"""Which customers the operator has ticked: posted as numbers, or as the filter that shows them.

A page submits the boxes that are ticked on it. With a script it also submits what was ticked on
other pages, or the filter of "Select all that match" with those that were unticked since.
"""

from typing import Any, Literal, cast, get_args

import msgspec
from litestar.datastructures import FormMultiDict

from dueport_apps.usecases.invite_records import Selection
from dueport_apps.usecases.records import AccountFilter
from dueport_core.errors import Invalid

Badge = Literal["", "none", "pending", "accepted", "declined", "expired"]
ACCOUNTS_MAX = 200_000
NOBODY = "Nobody is selected. Tick at least one customer."


class FilterParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the dashboard's address that decide who is shown."""

    q: str = ""
    invitation: str = ""
    active: str = ""
    past_due: str = ""
    email_problem: str = ""

    @property
    def filter(self) -> AccountFilter:
        """Return the filter; raises Invalid for a badge that there is not."""
        if self.invitation not in get_args(Badge):
            raise Invalid("There is no such invitation status; choose one of the list.")
        text = "".join(letter for letter in self.q[:200] if letter.isprintable()).strip()
        return AccountFilter(
            text=text,
            invitation=cast(Badge, self.invitation),
            active_only=self.active == "1",
            past_due_only=self.past_due == "1",
            email_problem=self.email_problem == "1",
        )


def posted_selection(form: FormMultiDict) -> Selection:
    """Return who is meant; raises Invalid, in words for the operator, where nobody is."""
    if form.get("scope") == "matching":
        parts = {name: str(form.get(name, "")) for name in FilterParts.__struct_fields__}
        return Selection(
            matching=FilterParts(**parts).filter, excluded=_numbers(form.get("excluded"))
        )
    numbers = [str(one) for one in form.getall("account_no", [])]
    numbers += _numbers(form.get("picked"))
    if not numbers:
        raise Invalid(NOBODY)
    return Selection(account_nos=tuple(dict.fromkeys(numbers)))


def _numbers(text: Any) -> tuple[str, ...]:
    """Read a list of account numbers that a script has written as JSON."""
    if not text:
        return ()
    try:
        numbers = msgspec.json.decode(str(text), type=tuple[str, ...])
    except msgspec.DecodeError as error:
        raise Invalid("The selection could not be read; clear it and select again.") from error
    if len(numbers) > ACCOUNTS_MAX:
        raise Invalid("These are too many customers at once; use “Select all that match”.")
    return numbers
