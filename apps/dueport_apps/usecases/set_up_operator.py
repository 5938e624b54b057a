"""How an operator gets in for the first time: a one-time link, a password and a second factor.

There is no default account. The first administrator's link is printed by ``dueport operator
add``; nobody but the operator ever sees the password.
"""

import datetime

import msgspec

from dueport_apps.usecases.password_rules import PASSWORDS_DIFFER, PasswordRules
from dueport_apps.usecases.records import OneTimeToken, Operator, OperatorRole, Principal, audit
from dueport_apps.usecases.services import Ids, PasswordHasher, SecondFactor, Tokens
from dueport_apps.usecases.unit_of_work import UnitOfWorkFactory
from dueport_core.errors import Conflict, Invalid
from dueport_ports import Clock, check_email

SETUP_LIFETIME = datetime.timedelta(hours=72)
RECOVERY_CODES = 10


class AddOperatorCommand(msgspec.Struct, frozen=True, kw_only=True):
    email: str
    name: str
    role: OperatorRole
    by: Principal


class AddedOperator(msgspec.Struct, frozen=True, kw_only=True):
    operator: Operator
    setup_token: str
    """Shown once; only its hash is stored."""


class AddOperator:
    def __init__(self, uow: UnitOfWorkFactory, tokens: Tokens, ids: Ids, clock: Clock) -> None:
        self._uow = uow
        self._tokens = tokens
        self._ids = ids
        self._clock = clock

    async def __call__(self, command: AddOperatorCommand) -> AddedOperator:
        """Add one; an operator who never finished the set-up gets a new link. Raises Conflict for
        one who has, and Invalid for a malformed address."""
        problem = check_email(command.email)
        if problem:
            raise Invalid(problem)
        now = self._clock.now()
        token = self._tokens.new()
        async with self._uow() as uow:
            operator = await uow.operators.by_email(command.email)
            if operator is not None and operator.password_hash:
                raise Conflict(f"{command.email} is already an operator")
            if operator is None:
                operator = Operator(
                    operator_id=self._ids.new(),
                    email=command.email,
                    name=command.name,
                    role=command.role,
                    password_hash="",
                    totp_secret_sealed="",
                    created_at=now,
                )
                await uow.operators.add(operator)
            await uow.tokens.void("operator_setup", operator.operator_id, now)
            await uow.tokens.add(
                OneTimeToken(
                    token_hash=self._tokens.hash(token),
                    purpose="operator_setup",
                    subject_id=operator.operator_id,
                    expires_at=now + SETUP_LIFETIME,
                )
            )
            await uow.audit.append(
                audit(
                    command.by,
                    now,
                    "operator.added",
                    f"operator:{operator.operator_id}",
                    email=operator.email,
                    role=operator.role.value,
                )
            )
            await uow.commit()
        return AddedOperator(operator=operator, setup_token=token)


class SetUpOperatorCommand(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    password: str
    password_again: str
    totp_secret: str
    """The secret that the page showed as a QR code; it round-trips sealed."""
    code: str
    client_ip: str = ""


class OperatorReady(msgspec.Struct, frozen=True, kw_only=True):
    operator: Operator
    recovery_codes: tuple[str, ...]
    """Shown once; only hashes are stored."""


class SetUpOperator:
    def __init__(
        self,
        uow: UnitOfWorkFactory,
        tokens: Tokens,
        hasher: PasswordHasher,
        factor: SecondFactor,
        rules: PasswordRules,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._tokens = tokens
        self._hasher = hasher
        self._factor = factor
        self._rules = rules
        self._clock = clock

    async def find(self, token: str) -> Operator | None:
        """Return whose set-up link this is, or None for one that does not work."""
        async with self._uow() as uow:
            found = await uow.tokens.find(self._tokens.hash(token), "operator_setup")
            if found is None or found.used_at or self._clock.now() >= found.expires_at:
                return None
            return await uow.operators.get(found.subject_id)

    async def __call__(self, command: SetUpOperatorCommand) -> OperatorReady:
        """Finish the set-up; raises Invalid per field, NotFound for a dead link."""
        sealed = self._factor.seal(command.totp_secret)
        fields: dict[str, str] = {}
        problem = self._rules.problem(command.password)
        if problem:
            fields["password"] = problem
        if command.password != command.password_again:
            fields["password_again"] = PASSWORDS_DIFFER
        step = self._factor.matching_step(sealed, command.code.replace(" ", ""))
        if step is None:
            fields["code"] = "That code is not right. Check the clock of your phone and try again."
        if fields or step is None:
            raise Invalid("Some fields need your attention.", fields)
        password_hash = await self._hasher.hash(command.password)
        now = self._clock.now()
        codes = tuple(self._recovery_code() for _ in range(RECOVERY_CODES))
        async with self._uow() as uow:
            token = await uow.tokens.use(self._tokens.hash(command.token), "operator_setup", now)
            operator = msgspec.structs.replace(
                await uow.operators.get(token.subject_id),
                password_hash=password_hash,
                totp_secret_sealed=sealed,
                totp_last_step=step,
            )
            await uow.operators.save(operator)
            await uow.operators.add_recovery_codes(
                operator.operator_id,
                [self._tokens.hash(code.replace("-", "")) for code in codes],
            )
            who = Principal(
                kind="operator",
                principal_id=operator.operator_id,
                name=operator.name,
                client_ip=command.client_ip,
            )
            await uow.audit.append(
                audit(who, now, "operator.set_up", f"operator:{operator.operator_id}")
            )
            await uow.commit()
        return OperatorReady(operator=operator, recovery_codes=codes)

    def _recovery_code(self) -> str:
        """Eighty random bits as sixteen letters and digits in groups of four."""
        alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        letters = "".join(alphabet[byte & 31] for byte in self._tokens.random_bytes(16))
        return "-".join(letters[index : index + 4] for index in range(0, 16, 4))
