"""ACH return codes: what each says, and how a bank's return shows in a simulated transfer."""

from typing import Final

RETURN_TEXTS: Final = {
    "R01": "Insufficient funds",
    "R02": "Account closed",
    "R03": "No account or unable to locate account",
    "R04": "Invalid account number",
    "R05": "Unauthorized debit to consumer account using corporate SEC code",
    "R06": "Returned per ODFI's request",
    "R07": "Authorization revoked by customer",
    "R08": "Payment stopped",
    "R09": "Uncollected funds",
    "R10": "Customer advises originator is not known or not authorized to debit the account",
    "R11": "Customer advises entry not in accordance with the terms of the authorization",
    "R12": "Account sold to another financial institution",
    "R13": "Invalid ACH routing number",
    "R14": "Representative payee deceased or unable to continue",
    "R15": "Beneficiary or account holder deceased",
    "R16": "Account frozen or entry returned per OFAC instruction",
    "R17": "File record edit criteria, or entry with invalid account under questionable circumstances",
    "R20": "Non-transaction account",
    "R21": "Invalid company identification",
    "R22": "Invalid individual ID number",
    "R23": "Credit entry refused by receiver",
    "R24": "Duplicate entry",
    "R29": "Corporate customer advises not authorized",
    "R31": "Permissible return entry",
    "R33": "Return of XCK entry",
    "R37": "Source document presented for payment",
    "R38": "Stop payment on source document",
    "R51": "Item related to RCK entry is ineligible",
    "R52": "Stop payment on item related to RCK entry",
    "R53": "Item and RCK entry presented for payment",
}
LATE_CODES: Final = frozenset(
    {"R05", "R07", "R10", "R11", "R33", "R37", "R38", "R51", "R52", "R53"}
)
"""Codes that a consumer's bank may use for 60 days; the others come within two banking days."""

BLOCKING_CODES: Final = frozenset({"R02", "R03", "R04", "R16", "R20"})
"""After one of these no further debit of the account is possible."""


def return_text(code: str) -> str:
    """Return the words for a code; a code that nobody knows is still a return."""
    return RETURN_TEXTS.get(code, "Returned by the receiving bank")
