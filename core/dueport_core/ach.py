"""ACH: the two entry classes, what each return code means for us, and the networks' return rates.

Nacha publishes the codes; the windows and consequences follow its operating rules. An unknown
code never stops anything: it is treated as ``other``, and somebody is alerted.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import msgspec

MAX_RETRIES: Final = 2
RETRY_WINDOW: Final = timedelta(days=180)
CORRECTION_WINDOW: Final = timedelta(days=60)
RETRY_DESCRIPTION: Final = "RETRY PYMT"


class SecCode(StrEnum):
    """The standard entry class: ``CCD`` debits a business account, ``WEB`` a consumer's.

    They differ in how long a debit can come back: two banking days against sixty calendar days.
    """

    CCD = "CCD"
    WEB = "WEB"

    @classmethod
    def for_account(cls, *, is_business: bool) -> "SecCode":
        """Return the class that the holder of the bank account demands."""
        return cls.CCD if is_business else cls.WEB


class ReturnClass(StrEnum):
    """Families of return codes that mean the same to a dealer."""

    NSF = "nsf"
    ADMINISTRATIVE = "administrative"
    UNAUTHORIZED = "unauthorized"
    STOP = "stop"
    ACCOUNT = "account"
    DECEASED = "deceased"
    FRAUD = "fraud"
    DUPLICATE = "duplicate"
    FORMAT = "format"
    REFUND_REFUSED = "refund_refused"
    BETWEEN_BANKS = "between_banks"
    OTHER = "other"


class RetryRule(StrEnum):
    """Whether the same debit may be sent again."""

    TWICE = "twice"
    ONE_CORRECTED = "one_corrected"
    ON_CUSTOMERS_ORDER = "on_customers_order"
    NO = "no"


class Consequence(StrEnum):
    """What the product does, beside reopening the items and telling both sides."""

    REOPEN = "reopen"
    """Tell the customer, perhaps try again; two in a row pause auto-pay."""
    RELINK = "relink"
    """The bank account is unusable until it is linked again."""
    BLOCK = "block"
    """The bank account is blocked and a person reviews it."""
    REVOKE = "revoke"
    """Blocked, and the mandate and auto-pay on it end."""
    NEW_AUTHORIZATION = "new_authorization"
    """The customer must authorize anew before the next debit."""
    CHECK_AUTHORIZATION = "check_authorization"
    """The fault is on our side: alert, and compare with the authorization."""
    PAUSE_AUTOPAY = "pause_autopay"
    """No debit by itself until the customer says so."""
    PROVE_SINGLE_CHARGE = "prove_single_charge"
    """An incident: show that the customer was debited once."""
    ALERT_PLUGIN_OWNER = "alert_plugin_owner"
    """The request was malformed; whoever maintains the processor's plugin must look."""
    FAIL_REFUND = "fail_refund"
    """It was our refund that came back."""
    FOLLOW_THE_MONEY = "follow_the_money"
    """Banks argue with each other; only money that the processor reports changes anything."""
    ALERT = "alert"
    """A person must look."""


class ReturnRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a return code means. ``meaning`` is a phrase for people."""

    code: str
    return_class: ReturnClass
    meaning: str
    retry: RetryRule
    consequence: Consequence

    @property
    def counts_as_unauthorized(self) -> bool:
        """Whether it counts towards the unauthorized return rate."""
        return self.return_class is ReturnClass.UNAUTHORIZED


def return_rule(code: str) -> ReturnRule:
    """Return what a code means; any text is answered, case and blanks around it do not matter."""
    known = code.strip().upper()
    return_class, retry, consequence = next(
        (family.means for family in _FAMILIES if known in family.codes), _UNLISTED
    )
    return ReturnRule(
        code=known,
        return_class=return_class,
        meaning=_MEANINGS.get(known, "Returned for a reason that is not listed"),
        retry=retry,
        consequence=consequence,
    )


def may_retry(code: str, retries_before: int, settled_on: date, today: date) -> bool:
    """Whether the same amount may be debited again without a new authorization.

    Only for want of funds (R01, R09): at most two more times, within 180 days of the original
    settlement.
    """
    return (
        return_rule(code).retry is RetryRule.TWICE
        and retries_before < MAX_RETRIES
        and today <= settled_on + RETRY_WINDOW
    )


def may_correct(code: str, corrections_before: int, returned_on: date, today: date) -> bool:
    """Whether one corrected debit may follow (R11 only): once, within 60 days of the return."""
    return (
        return_rule(code).retry is RetryRule.ONE_CORRECTED
        and corrections_before == 0
        and today <= returned_on + CORRECTION_WINDOW
    )


class ReturnRate(StrEnum):
    """The three rates that Nacha watches, over debits of the last 60 days."""

    UNAUTHORIZED = "unauthorized"
    ADMINISTRATIVE = "administrative"
    OVERALL = "overall"


RETURN_RATE_LIMITS_BPS: Final = {
    ReturnRate.UNAUTHORIZED: 50,
    ReturnRate.ADMINISTRATIVE: 300,
    ReturnRate.OVERALL: 1500,
}


class ReturnRates(msgspec.Struct, frozen=True, kw_only=True):
    """Which limits are broken, and which are more than half used up."""

    breached: frozenset[ReturnRate]
    warned: frozenset[ReturnRate]


def return_rates(debits: int, unauthorized: int, administrative: int, overall: int) -> ReturnRates:
    """Compare counts of returns with the limits; exactly at a limit is not a breach."""
    counts = {
        ReturnRate.UNAUTHORIZED: unauthorized,
        ReturnRate.ADMINISTRATIVE: administrative,
        ReturnRate.OVERALL: overall,
    }

    def above(per_limit: int) -> frozenset[ReturnRate]:
        return frozenset(
            rate
            for rate, count in counts.items()
            if debits and count * 10_000 * per_limit > RETURN_RATE_LIMITS_BPS[rate] * debits
        )

    breached = above(1)
    return ReturnRates(breached=breached, warned=above(2) - breached)


_Means = tuple[ReturnClass, RetryRule, Consequence]


class _Family(msgspec.Struct, frozen=True):
    codes: frozenset[str]
    means: _Means


def _family(
    codes: str, return_class: ReturnClass, retry: RetryRule, consequence: Consequence
) -> _Family:
    return _Family(frozenset(codes.split()), (return_class, retry, consequence))


_UNLISTED: Final[_Means] = (ReturnClass.OTHER, RetryRule.NO, Consequence.ALERT)

_FAMILIES: Final = (
    _family("R01 R09", ReturnClass.NSF, RetryRule.TWICE, Consequence.REOPEN),
    _family("R02 R03 R04", ReturnClass.ADMINISTRATIVE, RetryRule.NO, Consequence.RELINK),
    # R05: a consumer's account was debited as a business account.
    _family("R05 R29", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.NEW_AUTHORIZATION),
    _family("R07 R10", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.REVOKE),
    _family(
        "R11", ReturnClass.UNAUTHORIZED, RetryRule.ONE_CORRECTED, Consequence.CHECK_AUTHORIZATION
    ),
    # R51 belongs to checks, yet counts towards the unauthorized rate.
    _family("R51", ReturnClass.UNAUTHORIZED, RetryRule.NO, Consequence.ALERT),
    _family("R08", ReturnClass.STOP, RetryRule.ON_CUSTOMERS_ORDER, Consequence.PAUSE_AUTOPAY),
    _family("R16 R17", ReturnClass.FRAUD, RetryRule.NO, Consequence.BLOCK),
    _family("R12 R13 R20 R28 R34", ReturnClass.ACCOUNT, RetryRule.NO, Consequence.RELINK),
    _family("R14 R15", ReturnClass.DECEASED, RetryRule.NO, Consequence.BLOCK),
    _family("R06 R31", ReturnClass.OTHER, RetryRule.NO, Consequence.REOPEN),
    _family("R24", ReturnClass.DUPLICATE, RetryRule.NO, Consequence.PROVE_SINGLE_CHARGE),
    _family(
        "R18 R19 R21 R22 R25 R26 R27 R32",
        ReturnClass.FORMAT,
        RetryRule.NO,
        Consequence.ALERT_PLUGIN_OWNER,
    ),
    _family("R23", ReturnClass.REFUND_REFUSED, RetryRule.NO, Consequence.FAIL_REFUND),
    _family(
        "R61 R62 R67 R68 R69 R70 R71 R72 R73 R74 R75 R76 R77",
        ReturnClass.BETWEEN_BANKS,
        RetryRule.NO,
        Consequence.FOLLOW_THE_MONEY,
    ),
)

_MEANINGS: Final = {
    "R01": "Not enough funds",
    "R02": "Account closed",
    "R03": "No account, or not of that name",
    "R04": "Account number is not valid",
    "R05": "Business debit on a consumer account without authorization",
    "R06": "The bank that sent the debit asked for it back",
    "R07": "Authorization revoked by the customer",
    "R08": "Payment stopped by the customer",
    "R09": "Funds not collected yet",
    "R10": "Customer says that the debit was not authorized",
    "R11": "Debit differs from what was authorized",
    "R12": "Account moved to another bank",
    "R13": "Routing number is not valid",
    "R14": "Representative of the account holder has died or cannot act",
    "R15": "Account holder has died",
    "R16": "Account frozen",
    "R17": "The bank could not use the account's data, or suspects fraud",
    "R18": "Date of the debit is not valid",
    "R19": "Amount is not valid",
    "R20": "Account does not take debits of this kind",
    "R21": "Company identification is not valid",
    "R22": "Customer identification is not valid",
    "R23": "Credit refused by the receiver",
    "R24": "The bank received the same debit twice",
    "R25": "Additional information of the debit is not valid",
    "R26": "A required detail is missing or wrong",
    "R27": "Trace number is missing or wrong",
    "R28": "Routing number has a wrong digit",
    "R29": "Business customer says that the debit was not authorized",
    "R31": "The two banks agreed on the return",
    "R32": "The customer's bank cannot settle the debit",
    "R34": "The customer's bank takes no bank debits any more",
    "R51": "The check behind the debit cannot be collected this way",
    "R61": "The return was sent to the wrong bank",
    "R62": "A debit sent by mistake was returned",
    "R67": "The same return was sent twice",
    "R68": "The return came too late",
    "R69": "The return has wrong data",
    "R70": "The banks had not agreed on the return",
    "R71": "The objection to the return was sent to the wrong bank",
    "R72": "The objection to the return came too late",
    "R73": "The return came in time",
    "R74": "The return was corrected",
    "R75": "The return was not a duplicate",
    "R76": "The return had no errors",
    "R77": "The bank does not accept the objection to the return",
}

RETURN_CODES: Final = frozenset(_MEANINGS)
"""The codes that have a rule and a meaning of their own."""
