"""Seeded chance in whole numbers, so that the same seed draws the same dealer everywhere."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A sequence of draws that is fixed by its seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it draws a made-up dealer, no secret.

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return self._random.randrange(low, high + 1)

    def percent(self, share: int) -> bool:
        """Be true in so many of a hundred cases."""
        return self._random.randrange(100) < share

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, each as likely as the others."""
        return choices[self._random.randrange(len(choices))]

    def weighted(self, choices: Sequence[tuple[int, T]]) -> T:
        """Return one of the choices, likely in proportion to the number beside it."""
        left = self._random.randrange(sum(weight for weight, _ in choices))
        for weight, choice in choices:
            left -= weight
            if left < 0:
                return choice
        raise AssertionError("the draw lies below the sum of the weights")

    def early(self, low: int, high: int) -> int:
        """Return a whole number that is more often near `low` than near `high`."""
        return min(self.number(low, high), self.number(low, high))
