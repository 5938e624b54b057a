"""Which passwords are accepted, as one object that use cases share."""

from collections.abc import Container, Sequence

from dueport_core.passwords import password_problem

PASSWORDS_DIFFER = "The two passwords differ; type the same one twice."


class PasswordRules:
    """Length, a list of passwords known from breaches, and words that anybody would try first."""

    def __init__(
        self, minimum_length: int, known_passwords: Container[str], dealer_words: Sequence[str]
    ) -> None:
        self._minimum_length = minimum_length
        self._known = known_passwords
        self._dealer_words = tuple(dealer_words)

    @property
    def minimum_length(self) -> int:
        return self._minimum_length

    def problem(self, password: str, words: Sequence[str] = ()) -> str | None:
        """Return what is wrong with the password, as a sentence, or None."""
        return password_problem(
            password, self._minimum_length, (*self._dealer_words, *words), self._known
        )

    def problems(self, password: str, again: str, words: Sequence[str] = ()) -> dict[str, str]:
        """Return what is wrong with a new password that was typed twice, by the form's field."""
        fields: dict[str, str] = {}
        if problem := self.problem(password, words):
            fields["password"] = problem
        if password != again:
            fields["password_again"] = PASSWORDS_DIFFER
        return fields
