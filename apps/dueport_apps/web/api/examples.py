"""Bodies to learn from, by the path of the call; the description of the API shows them."""

from collections.abc import Mapping
from typing import Any

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "invitations/rehearsal": {
        "everybody": {"all": True},
        "past due and never invited": {"matching": {"past_due": True, "invitation": "none"}},
    },
    "invitations": {
        "one customer": {"account_no": "1042"},
        "several": {"account_nos": ["1042", "1077"], "send_to": "contacts", "language": "es"},
        "everybody but one": {"all": True, "excluded": ["9999"]},
        "another address": {
            "account_no": "1042",
            "send_to": "address",
            "address": "owner@harbor.example",
        },
        "generated credentials": {
            "matching": {"q": "Builders", "active": True},
            "delivery": "credentials",
            "username_from": "account_no",
        },
        "new links for the expired": {"kind": "resend", "matching": {"invitation": "expired"}},
    },
    "invitations/preview": {
        "one customer's mail": {"account_no": "1042", "second_check": "ship_to_zip"}
    },
    "invitations/test": {"to yourself": {"account_no": "1042", "to_address": "you@yard.example"}},
    "invitations/nudge": {"after a week": {"pending_over_days": 7}},
    "invitations/{invitation_id}/resend": {"a declined one": {"confirm_declined": True}},
    "accounts/{account_no}/access/disable": {
        "one person": {"user_id": "01JZ0000000000000000000000"}
    },
    "accounts/{account_no}/access/restore": {"everybody": {}},
    "bounces/clear": {"one address": {"address": "ap@harbor.example"}},
}
