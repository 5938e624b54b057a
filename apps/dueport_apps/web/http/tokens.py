"""Random tokens, and signatures for values that browsers carry."""

import base64
import binascii
import hashlib
import hmac
import secrets

MASK_BYTES = 16


def new_token() -> str:
    """Return 256 random bits in a form that fits a cookie or a URL."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token: the only form in which it is stored."""
    return hashlib.sha256(token.encode()).digest()


def derive(secret: bytes, purpose: str, value: str = "") -> bytes:
    """Derive a key for one purpose, so that a signature for one thing never fits another."""
    return hmac.digest(secret, f"{purpose}\0{value}".encode(), "sha256")


def masked(key: bytes) -> str:
    """Return a fresh token that proves knowledge of `key`.

    Every call gives another text, so that a compressed page never repeats a secret (BREACH).
    """
    mask = secrets.token_bytes(MASK_BYTES)
    return encode(mask + hmac.digest(key, mask, "sha256"))


def proves(key: bytes, token: str) -> bool:
    """Tell in constant time whether a token was made by `masked` with the same key."""
    raw = decode(token)
    if raw is None or len(raw) != MASK_BYTES + 32:
        return False
    mask, proof = raw[:MASK_BYTES], raw[MASK_BYTES:]
    return hmac.compare_digest(proof, hmac.digest(key, mask, "sha256"))


def signed(key: bytes, content: bytes) -> str:
    """Return content with its signature, as text for a cookie."""
    return encode(hmac.digest(key, content, "sha256") + content)


def unsigned(key: bytes, text: str) -> bytes | None:
    """Return the content of a signed text, or None where the signature does not fit."""
    raw = decode(text)
    if raw is None or len(raw) < 32:
        return None
    proof, content = raw[:32], raw[32:]
    return content if hmac.compare_digest(proof, hmac.digest(key, content, "sha256")) else None


def encode(raw: bytes) -> str:
    """Encode bytes with the URL-safe alphabet, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """Undo `encode`; None for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
