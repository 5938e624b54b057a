"""The configured plugins as use cases see them: by method, by name, and never as globals."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from dueport_ports import (
    ErpConnector,
    InviteDelivery,
    NotFound,
    PaymentMethodKind,
    PaymentProcessor,
)


class ConfiguredProcessors:
    def __init__(
        self,
        processors: Mapping[str, PaymentProcessor],
        by_method: Mapping[PaymentMethodKind, str],
    ) -> None:
        self._processors = dict(processors)
        self._by_method = dict(by_method)

    def for_method(self, method: PaymentMethodKind) -> tuple[str, PaymentProcessor] | None:
        name = self._by_method.get(method)
        if name is None or name not in self._processors:
            return None
        return name, self._processors[name]

    def named(self, name: str) -> PaymentProcessor:
        try:
            return self._processors[name]
        except KeyError as error:
            raise NotFound(f"There is no payment processor named {name!r} here.") from error

    def all(self) -> Mapping[str, PaymentProcessor]:
        return MappingProxyType(self._processors)


class ConfiguredErp(msgspec.Struct, frozen=True):
    name: str
    connector: ErpConnector


class ConfiguredDeliveries:
    def __init__(self, current: str, deliveries: Mapping[str, InviteDelivery]) -> None:
        self._current = current
        self._deliveries = dict(deliveries)

    @property
    def current(self) -> str:
        return self._current

    def named(self, name: str) -> InviteDelivery:
        try:
            return self._deliveries[name]
        except KeyError as error:
            raise NotFound(f"There is no invitation delivery named {name!r} here.") from error
