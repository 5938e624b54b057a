"""Six digits that are mailed to prove a mailbox: drawn from the system's chance, kept as a digest."""

import hmac
import secrets

from dueport_apps.adapters.secret_box import derive_key
from dueport_apps.usecases.prove_mailbox import CODE_LENGTH, MailboxClaim
from dueport_ports import Secret


class KeyedMailedCodes:
    """A million codes are tried in a second, so a plain hash of one would hide nothing: the digest
    needs the deployment's key, which no database holds."""

    def __init__(self, key: Secret) -> None:
        self._key = derive_key(key, "dueport mailed code")

    def new(self) -> str:
        """Return six random digits, leading zeros included."""
        return f"{secrets.randbelow(10**CODE_LENGTH):0{CODE_LENGTH}}"

    def digest(self, claim: MailboxClaim, code: str) -> bytes:
        """Return what is stored: good for this code, mailbox, account, generation and claim."""
        parts = (
            claim.claim_id,
            claim.account_no,
            str(claim.generation),
            claim.email.lower(),
            code,
        )
        # A separator that no form lets through keeps neighbours from being shifted.
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256")
