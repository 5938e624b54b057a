"""The simulated banks and the people who bank there, under Plaid's own sandbox names.

`user_good` / `pass_good` signs in everywhere. Other users:

- `user_business`: one business holder's accounts instead of a person's;
- `user_low_balance`: checking holds 5.00, so that larger debits are declined (NSF);
- `user_no_balance`: checking holds 0.00, so that debits are declined (RISK);
- `user_manual`: linked by micro-deposits, verified by hand, so that no risk check can run;
- `user_pending`: micro-deposits still to be confirmed, so there are no account numbers yet;
- `user_r01`, `user_r10` and so on: every debit comes back with that ACH return code.

The password `error_ITEM_LOCKED` (or another Item error's name) fails with that error; every other
password that is not `pass_good` is refused as wrong.
"""

import re
from typing import Final

import msgspec

from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.records import BankAccount
from dueport_apps.sandbox.plaid.returns import RETURN_TEXTS
from dueport_apps.sandbox.plaid.world import PlaidWorld

PASSWORD: Final = "pass_good"  # noqa: S105 - the published password of a simulated bank.
_USERS: Final = frozenset(
    {
        "user_good",
        "user_business",
        "user_low_balance",
        "user_no_balance",
        "user_manual",
        "user_pending",
    }
)
_RETURNING_USER: Final = re.compile(r"user_(r\d\d)")
_PASSWORD_ERRORS: Final = {
    "error_ITEM_LOCKED": ("ITEM_LOCKED", "the account is locked. the user must unlock it first"),
    "error_INSTITUTION_DOWN": ("INSTITUTION_DOWN", "this institution is not currently responding"),
}


class Institution(msgspec.Struct, frozen=True):
    """One bank that Link offers."""

    id: str
    name: str
    routing_number: str


INSTITUTIONS: Final = {
    one.id: one
    for one in (
        Institution("ins_109508", "First Platypus Bank", "011401533"),
        Institution("ins_109509", "First Gingham Credit Union", "021000021"),
        Institution("ins_109510", "Tattersall Federal Credit Union", "322271627"),
        Institution("ins_109511", "Tartan Bank", "122199983"),
        Institution("ins_109512", "Houndstooth Bank", "091000019"),
    )
}


def institution(institution_id: str) -> Institution:
    """Return a bank by id, or refuse the id."""
    found = INSTITUTIONS.get(institution_id)
    if found is None:
        raise PlaidRefusal("INVALID_INSTITUTION", "invalid institution_id provided")
    return found


def check_login(username: str, password: str) -> None:
    """Refuse credentials that do not open the simulated bank."""
    if password in _PASSWORD_ERRORS:
        raise PlaidRefusal(*_PASSWORD_ERRORS[password])
    if password != PASSWORD or not _known(username):
        raise PlaidRefusal("INVALID_CREDENTIALS", "the provided credentials were not correct")


def _known(username: str) -> bool:
    returning = _RETURNING_USER.fullmatch(username)
    return username in _USERS or (returning is not None and _code(returning) in RETURN_TEXTS)


def _code(match: re.Match[str]) -> str:
    return match[1].upper()


def open_accounts(world: PlaidWorld, bank: Institution, username: str) -> tuple[BankAccount, ...]:
    """Return the accounts that a user sees after signing in."""
    business = username == "user_business"
    holder = (
        ("business", "Cedar Ridge Builders LLC") if business else ("personal", "Alberta Charleson")
    )
    product = "Plaid Business" if business else "Plaid"
    balances = {"user_low_balance": 500, "user_no_balance": 0}
    checking_cents = balances.get(username, 25_000_000 if business else 5_000_000)
    returning = _RETURNING_USER.fullmatch(username)
    statuses = {"user_manual": "manually_verified", "user_pending": "pending_manual_verification"}
    rows = (
        (f"{product} Checking", "Plaid Gold Standard 0% Interest Checking", "0000", "checking"),
        (f"{product} Saving", "Plaid Silver Standard 0.1% Interest Saving", "1111", "savings"),
    )
    return tuple(
        BankAccount(
            id=world.new_ref(),
            name=name,
            official_name=official_name,
            mask=mask,
            subtype=subtype,
            holder_category=holder[0],
            legal_name=holder[1],
            available_cents=checking_cents if subtype == "checking" else 2_000_000,
            current_cents=(checking_cents if subtype == "checking" else 2_000_000) + 1_000,
            account_number=f"111122223333{mask}",
            routing_number=bank.routing_number,
            verification_status=statuses.get(username),
            returns_with=_code(returning) if returning else None,
        )
        for name, official_name, mask, subtype in rows
    )
