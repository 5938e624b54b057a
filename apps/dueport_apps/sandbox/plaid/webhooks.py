"""Plaid's notifications: JSON indented by two, signed with an ES256 token over the raw body.

The header `Plaid-Verification` holds a JWT whose `request_body_sha256` is the hash of the exact
bytes, and whose `kid` names a key that `/webhook_verification_key/get` hands out.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from dueport_apps.sandbox.plaid.errors import PlaidRefusal
from dueport_apps.sandbox.plaid.records import Item, LinkSession, LinkToken, SigningKey
from dueport_apps.sandbox.plaid.world import PlaidWorld
from dueport_apps.sandbox.webhooks import Notice

HEADER: Final = "Plaid-Verification"
STRANGER: Final = 0x5EED
"""The private number of a key that Plaid never handed out, for signatures that must fail."""


class PlaidWebhooks:
    """Words, signs and sends the notifications of one simulated Plaid."""

    def __init__(self, world: PlaidWorld) -> None:
        self._world = world
        self._events_waiting = False
        self._sent = 0
        world.on_event.append(self._events_changed)

    def reset(self) -> None:
        """Forget a notification that was about to be sent."""
        self._events_waiting = False

    def _events_changed(self) -> None:
        """Send one notification for all events of one instant, as Plaid bundles them."""
        if self._events_waiting:
            return
        self._events_waiting = True

        async def tell() -> None:
            self._events_waiting = False
            self.transfer_events()

        clock = self._world.frame.clock
        clock.schedule(clock.now(), "plaid events notification", tell)

    def transfer_events(self, url: str | None = None) -> int:
        """Say that the event feed has grown, to one address or to all; return to how many."""
        targets = {t.url for t in self._world.frame.settings.plaid_webhooks if _hears_events(t)}
        targets |= set(self._world.settings.transfer_webhook_urls)
        for address in [url] if url is not None else sorted(targets):
            self._send(address, "TRANSFER", "TRANSFER_EVENTS_UPDATE", {})
        return 1 if url is not None else len(targets)

    def item(self, item: Item, kind: str, code: str, **more: Any) -> bool:
        """Tell the Item's own address; return whether it has one."""
        if item.webhook is None:
            return False
        self._send(item.webhook, kind, code, {"item_id": item.id, **more})
        now = self._world.now()
        self._world.items.put(replace(item, last_webhook_at=now, last_webhook_code=code))
        return True

    def session_finished(self, token: LinkToken, session: LinkSession) -> None:
        """Tell that a Hosted Link session came to its end."""
        if token.webhook is None:
            return
        tokens = [session.public_token] if session.public_token else []
        body: dict[str, Any] = {
            "link_session_id": session.id,
            "link_token": token.id,
            "status": "EXITED" if session.exit_status else "SUCCESS",
            "public_tokens": tokens,
        }
        if tokens:
            body["public_token"] = tokens[0]
        self._send(token.webhook, "LINK", "SESSION_FINISHED", body)

    def current_key(self) -> SigningKey:
        """Return the key in use, making the first one when there is none."""
        for key in reversed(list(self._world.signing_keys)):
            if key.expired_at is None:
                return key
        return self._new_key()

    def rotate(self, expire_old_after_s: int | None = None) -> SigningKey:
        """Sign with a new key from now on; the old one stays valid, or expires."""
        old = self.current_key()
        if expire_old_after_s is not None:
            expired_at = self._world.now() + timedelta(seconds=expire_old_after_s)
            self._world.signing_keys.put(replace(old, expired_at=expired_at))
        return self._new_key()

    def public_key(self, kid: str) -> dict[str, Any]:
        """Return a key as `/webhook_verification_key/get` does, or refuse its id."""
        key = self._world.signing_keys.get(kid)
        if key is None:
            raise PlaidRefusal(
                "INVALID_WEBHOOK_VERIFICATION_KEY_ID", f"invalid key_id provided: {kid}"
            )
        numbers = _private(key).public_key().public_numbers()
        expired_at = None if key.expired_at is None else int(key.expired_at.timestamp())
        return {
            "alg": "ES256",
            "crv": "P-256",
            "kid": kid,
            "kty": "EC",
            "use": "sig",
            "x": _base64(numbers.x),
            "y": _base64(numbers.y),
            "created_at": int(key.created_at.timestamp()),
            "expired_at": expired_at,
        }

    def signed(self, body: bytes, kid: str, signed_at: int) -> dict[str, str]:
        """Return the headers for a body; an unknown `kid` signs with a stranger's key."""
        key = self._world.signing_keys.get(kid)
        private = ec.derive_private_key(STRANGER, ec.SECP256R1()) if key is None else _private(key)
        header = {"kid": self.current_key().id if key is None else kid}
        claims = {"iat": signed_at, "request_body_sha256": hashlib.sha256(body).hexdigest()}
        return {HEADER: jwt.encode(claims, private, algorithm="ES256", headers=header)}

    def _new_key(self) -> SigningKey:
        draw = self._world.frame.world.draw
        private = ec.derive_private_key((draw(1 << 127) << 126) + 1, ec.SECP256R1())
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key = SigningKey(
            id=self._world.new_uuid(), private_pem=pem.decode(), created_at=self._world.now()
        )
        return self._world.signing_keys.put(key)

    def _send(self, url: str, kind: str, code: str, more: dict[str, Any]) -> None:
        self._sent += 1
        content = {"webhook_type": kind, "webhook_code": code, **more, "environment": "sandbox"}
        notice = Notice(
            vendor="plaid",
            kind=code,
            event_ref=f"{kind}/{code}#{self._sent}",
            url=url,
            secret=self.current_key().id,
            body=json.dumps(content, indent=2).encode(),
            sign=self.signed,
        )
        self._world.frame.webhooks.announce(notice)


def _hears_events(target: Any) -> bool:
    return bool(target.hears("TRANSFER_EVENTS_UPDATE"))


def _private(key: SigningKey) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key.private_pem.encode(), password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError("a signing key of the sandbox is an elliptic curve key")
    return loaded


def _base64(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
