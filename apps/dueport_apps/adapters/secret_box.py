"""Seals what the database must hold but must not tell: bank tokens, TOTP secrets, queued mail."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from dueport_ports import Misconfigured, Secret


class FernetBox:
    """Authenticated encryption under a key derived from the deployment's secret.

    The key's short fingerprint stands in front of the sealed text, so that a lost or changed
    secret is reported as what it is. Earlier keys can still open, only the first one seals.
    """

    def __init__(self, key: Secret, *earlier: Secret) -> None:
        self._boxes = MultiFernet([Fernet(_derive(secret)) for secret in (key, *earlier)])
        self._fingerprint = hashlib.sha256(_derive(key)).hexdigest()[:8]

    def seal(self, plain: str) -> str:
        return f"{self._fingerprint}.{self._boxes.encrypt(plain.encode()).decode()}"

    def open(self, sealed: str) -> str:
        fingerprint, _, text = sealed.partition(".")
        try:
            return self._boxes.decrypt(text.encode()).decode()
        except InvalidToken as error:
            raise Misconfigured(
                f"a stored secret was sealed with key {fingerprint or 'unknown'}, which this "
                f"deployment does not have (its key is {self._fingerprint}); restore secret_key"
            ) from error


def derive_key(secret: Secret, purpose: str) -> bytes:
    """Return 32 bytes for one purpose; keys of different purposes say nothing of each other."""
    return hashlib.blake2b(
        purpose.encode(), key=hashlib.sha256(secret.reveal().encode()).digest(), digest_size=32
    ).digest()


def _derive(secret: Secret) -> bytes:
    return base64.urlsafe_b64encode(derive_key(secret, "dueport secret box"))
