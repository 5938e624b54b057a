"""Password hashing and the operators' second factor."""

import asyncio

import argon2
import pyotp

from dueport_ports import Clock, SecretBox

TOTP_STEP_S = 30


class Argon2Hasher:
    """Argon2id (19 MiB, two passes, one lane) in threads, at most two at a time.

    The bound keeps a burst of sign-ins from taking the processor, and the memory, from everybody
    else.
    """

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._turn = asyncio.Semaphore(2)
        self._decoy = ""

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str, password: str) -> bool:
        """Check a password. Without a hash a decoy is checked, so that the time tells nothing."""
        if not password_hash:
            if not self._decoy:
                self._decoy = await self.hash("nobody has this password")
            await self._matches(self._decoy, password)
            return False
        return await self._matches(password_hash, password)

    async def _matches(self, password_hash: str, password: str) -> bool:
        async with self._turn:
            return await asyncio.to_thread(self._verify, password_hash, password)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


class TotpFactor:
    """Time-based codes; a code is accepted one step early or late, each step once."""

    def __init__(self, box: SecretBox, clock: Clock, issuer: str) -> None:
        self._box = box
        self._clock = clock
        self._issuer = issuer

    def new_secret(self) -> str:
        return pyotp.random_base32()

    def seal(self, secret: str) -> str:
        return self._box.seal(secret)

    def matching_step(self, secret_sealed: str, code: str) -> int | None:
        if not secret_sealed or not (code.isascii() and code.isdigit()):
            return None
        totp = pyotp.TOTP(self._box.open(secret_sealed))
        step = int(self._clock.now().timestamp()) // TOTP_STEP_S
        for candidate in (step, step - 1, step + 1):
            if pyotp.utils.strings_equal(totp.generate_otp(candidate), code):
                return candidate
        return None

    def provisioning_uri(self, secret: str, email: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=self._issuer)
