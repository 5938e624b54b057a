"""Payment instruments at rest: what could charge somebody is sealed, the rest stays readable."""

import msgspec

from dueport_ports import Instrument, PaymentAttempt, SecretBox


def sealed(instrument: Instrument, secrets: SecretBox) -> Instrument:
    """Return the instrument with its reference sealed."""
    return msgspec.structs.replace(
        instrument, instrument_ref=secrets.seal(instrument.instrument_ref)
    )


def opened(instrument: Instrument, secrets: SecretBox) -> Instrument:
    """Return the instrument as it was given."""
    return msgspec.structs.replace(
        instrument, instrument_ref=secrets.open(instrument.instrument_ref)
    )


def sealed_attempt(attempt: PaymentAttempt, secrets: SecretBox) -> PaymentAttempt:
    """Return the attempt with its instrument sealed."""
    return msgspec.structs.replace(attempt, instrument=sealed(attempt.instrument, secrets))


def opened_attempt(attempt: PaymentAttempt, secrets: SecretBox) -> PaymentAttempt:
    """Return the attempt as it was frozen."""
    return msgspec.structs.replace(attempt, instrument=opened(attempt.instrument, secrets))
