"""The one hook of a plugin: it gets a registry and registers what it offers.

The registry is typed, so a type checker sees in the plugin's own file whether its settings and
factory fit the port. pluggy contributes discovery by entry point (group ``dueport.plugins``),
argument checking and the distribution's name and version.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import pluggy

from dueport_ports.context import PluginContext
from dueport_ports.email import EmailSender
from dueport_ports.erp import ErpConnector
from dueport_ports.invites import InviteDelivery
from dueport_ports.processor import PaymentProcessor
from dueport_ports.text import TextSender

CONTRACT_VERSION = "1.0"
"""The version of ``dueport_ports`` that a plugin is checked against before it is built."""

ENTRY_POINT_GROUP = "dueport.plugins"

hookspec = pluggy.HookspecMarker("dueport")
hookimpl = pluggy.HookimplMarker("dueport")

PortT = TypeVar("PortT")
SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class Registration(msgspec.Struct, Generic[PortT], frozen=True, kw_only=True):
    """One offer: a name (the configuration section), the settings' shape and a factory."""

    port: str
    name: str
    settings: type[msgspec.Struct]
    build: Callable[[Any, PluginContext], PortT]
    contract: str = CONTRACT_VERSION
    title: str = ""
    """What operators read instead of the name, such as ``Stripe``."""


class Registry:
    """Collects what plugins offer. A name may be registered once per port.

    ``title`` is what operators read instead of the name; without one they read the name.
    """

    def __init__(self) -> None:
        self._offers: dict[tuple[str, str], Registration[Any]] = {}

    def erp(
        self,
        name: str,
        settings: type[SettingsT],
        build: Callable[[SettingsT, PluginContext], ErpConnector],
        *,
        contract: str = CONTRACT_VERSION,
        title: str = "",
    ) -> None:
        """Offer an ERP connector."""
        self._add("erp", name, settings, build, contract, title)

    def processor(
        self,
        name: str,
        settings: type[SettingsT],
        build: Callable[[SettingsT, PluginContext], PaymentProcessor],
        *,
        contract: str = CONTRACT_VERSION,
        title: str = "",
    ) -> None:
        """Offer a payment processor."""
        self._add("processor", name, settings, build, contract, title)

    def email(
        self,
        name: str,
        settings: type[SettingsT],
        build: Callable[[SettingsT, PluginContext], EmailSender],
        *,
        contract: str = CONTRACT_VERSION,
        title: str = "",
    ) -> None:
        """Offer a mailer."""
        self._add("email", name, settings, build, contract, title)

    def invite_delivery(
        self,
        name: str,
        settings: type[SettingsT],
        build: Callable[[SettingsT, PluginContext], InviteDelivery],
        *,
        contract: str = CONTRACT_VERSION,
        title: str = "",
    ) -> None:
        """Offer a way to deliver invitations."""
        self._add("invite_delivery", name, settings, build, contract, title)

    def text(
        self,
        name: str,
        settings: type[SettingsT],
        build: Callable[[SettingsT, PluginContext], TextSender],
        *,
        contract: str = CONTRACT_VERSION,
        title: str = "",
    ) -> None:
        """Offer a text-message sender."""
        self._add("text", name, settings, build, contract, title)

    def offers(self) -> tuple[Registration[Any], ...]:
        """Everything registered so far, in order."""
        return tuple(self._offers.values())

    def _add(
        self,
        port: str,
        name: str,
        settings: type[msgspec.Struct],
        build: Callable[[Any, PluginContext], Any],
        contract: str,
        title: str,
    ) -> None:
        if (port, name) in self._offers:
            raise ValueError(f"{port} plugin {name!r} is registered twice; names must differ")
        self._offers[port, name] = Registration(
            port=port,
            name=name,
            settings=settings,
            build=build,
            contract=contract,
            title=title,
        )


class DueportHooks:
    """The hook specification; a plugin implements it as a module-level function."""

    @hookspec
    def register(self, registry: Registry) -> None:
        """Register what this plugin offers. Called once; must not do anything else."""
