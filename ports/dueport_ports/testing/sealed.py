"""Contract tests that a plugin may extend and never soften."""

from collections.abc import Mapping
from typing import Any, ClassVar


class SealedContract:
    """Base of the conformance suites: a subclass that redefines a contract's test is refused.

    A plugin adds tests of its own under other names. What it cannot promise it must say through
    its capabilities, where the contract has any, and not by replacing the question.
    """

    _sealed: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, *, contract: bool = False, **options: Any) -> None:
        """``contract=True`` is said once, by the suite itself; its tests are sealed from then."""
        super().__init_subclass__(**options)
        if contract:
            own = {name: test for name, test in vars(cls).items() if name.startswith("test_")}
            cls._sealed = {**cls._sealed, **own}
        # Looking up through the class also finds a test that a mixin would replace.
        softened = [name for name, test in cls._sealed.items() if getattr(cls, name) is not test]
        if softened:
            raise TypeError(
                f"{cls.__name__} redefines the contract's {', '.join(sorted(softened))}; "
                "add a test of another name instead"
            )
