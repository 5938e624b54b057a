"""Proof that a webhook is Plaid's: a signed token over the hash of the very bytes that came.

The token is a JWT in the header ``Plaid-Verification``, signed with ES256 by a key that Plaid hands
out by its id. Nothing in the token is believed before its signature has been checked, and which
algorithm is used is not the sender's choice.
"""

import datetime
import hashlib
import hmac
from collections import deque
from typing import Any, Final

import jwt
import msgspec
from plaid.model.webhook_verification_key_get_request import WebhookVerificationKeyGetRequest

from dueport_pay_ach_plaid.api import PlaidApi
from dueport_pay_ach_plaid.wire import VerificationKey, VerificationKeyAnswer
from dueport_ports import Clock, Forbidden, HttpNotification, NotFound, Rejected, Unavailable

HEADER: Final = "plaid-verification"
ALGORITHM: Final = "ES256"
STALE_AFTER_S: Final = 300
FUTURE_AFTER_S: Final = 60
KEY_ID_LENGTH_MAX: Final = 100

KEYS_FRESH_FOR: Final = datetime.timedelta(hours=24)
"""Then a key is read again: Plaid may have ended it."""

QUESTIONS_PER_MINUTE: Final = 10
"""How often a key may be asked for, so that nobody makes us flood Plaid with invented ids."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """When Plaid signed, and the hash of what it signed."""

    signed_at: datetime.datetime
    body_sha256: str

    @property
    def dedupe_key(self) -> str:
        """Different for every notification, though the bodies of many are the same."""
        return f"{int(self.signed_at.timestamp())}-{self.body_sha256[:32]}"


class Verifier:
    """Checks webhooks with Plaid's keys, each of which is fetched once a day at most."""

    def __init__(self, api: PlaidApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._keys: dict[str, tuple[VerificationKey, datetime.datetime]] = {}
        self._asked_at: deque[datetime.datetime] = deque(maxlen=QUESTIONS_PER_MINUTE)

    async def verify(self, notification: HttpNotification) -> Proof:
        """Prove that Plaid signed these very bytes just now.

        Raises Forbidden, and Unavailable where Plaid's key cannot be had now.
        """
        token = notification.headers.get(HEADER, "")
        key = await self._key(_key_id(token))
        claims = _claims(token, key)
        signed_at, signed_hash = claims.get("iat"), claims.get("request_body_sha256")
        if type(signed_at) is not int or not isinstance(signed_hash, str):
            raise Forbidden("the notification's signature does not say what was signed and when")
        digest = hashlib.sha256(notification.body).hexdigest()
        if not hmac.compare_digest(digest.encode(), signed_hash.encode()):
            raise Forbidden("the notification's body is not what was signed")
        age_s = int(self._clock.now().timestamp()) - signed_at
        if age_s > STALE_AFTER_S:
            raise Forbidden(f"the notification was signed {age_s} s ago; it may be a replay")
        if age_s < -FUTURE_AFTER_S:
            raise Forbidden("the notification was signed in the future; check this machine's clock")
        return Proof(
            signed_at=datetime.datetime.fromtimestamp(signed_at, datetime.UTC), body_sha256=digest
        )

    async def _key(self, key_id: str) -> VerificationKey:
        now = self._clock.now()
        known = self._keys.get(key_id)
        if known is None or now - known[1] >= KEYS_FRESH_FOR:
            known = (await self._fetched(key_id), now)
            self._keys[key_id] = known
        key = known[0]
        if key.expired_at is not None:
            raise Forbidden("the notification is signed with a key that Plaid has ended")
        return key

    async def _fetched(self, key_id: str) -> VerificationKey:
        now = self._clock.now()
        earliest = now - datetime.timedelta(minutes=1)
        if len(self._asked_at) == QUESTIONS_PER_MINUTE and self._asked_at[0] > earliest:
            raise Unavailable("too many unknown signing keys in a minute; send it again later", 60)
        self._asked_at.append(now)
        request = WebhookVerificationKeyGetRequest(key_id=key_id)
        try:
            answer = await self._api.read(
                VerificationKeyAnswer, self._api.calls.webhook_verification_key_get, request
            )
        except (NotFound, Rejected) as error:
            raise Forbidden("the notification is signed with a key that is not Plaid's") from error
        return answer.key


def _key_id(token: str) -> str:
    """Return which key a token says it is signed with. Raises Forbidden."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Forbidden("the notification carries no signature of Plaid's") from error
    key_id = header.get("kid")
    if header.get("alg") != ALGORITHM:
        raise Forbidden(f"the notification is not signed with {ALGORITHM}")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_LENGTH_MAX:
        raise Forbidden("the notification does not say which key it is signed with")
    return key_id


def _claims(token: str, key: VerificationKey) -> dict[str, Any]:
    """Return what a token says once its signature holds. Its times are checked by our clock."""
    public = {"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y}
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK.from_dict(public, algorithm=ALGORITHM),
            algorithms=[ALGORITHM],
            options={
                "verify_signature": True,
                "verify_iat": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise Forbidden("the notification's signature is wrong") from error
    return found
