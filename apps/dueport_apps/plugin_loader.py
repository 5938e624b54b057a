"""Finds, checks and builds the configured plugins, and keeps broken ones from taking others down.

Before anything of a plugin is imported, its entry point *and* its distribution are compared with
what the dealer allows: an entry point's name alone proves nothing, any installed package may
claim it. Built-in plugins come with the ``dueport`` distribution and are allowed by name. A
plugin that fails while it is imported, registered or built is switched off with its reason;
whether the start can go on without it is decided by whoever needs it.
"""

import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pluggy
import structlog

from dueport_apps.settings import Extension
from dueport_ports import (
    CONTRACT_VERSION,
    ENTRY_POINT_GROUP,
    DueportHooks,
    Misconfigured,
    PluginContext,
    PortError,
    Registration,
    Registry,
    decode_settings,
)

BUILT_IN_DISTRIBUTION = "dueport"

PortT = TypeVar("PortT")

log = structlog.get_logger(__name__)


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the plugin list."""

    name: str
    distribution: str
    version: str
    title: str = ""
    """What people call it; empty where the plugin does not say or could not be asked."""
    ports: tuple[str, ...] = ()
    off: str = ""
    """Why it is switched off, or empty."""


class PluginCatalog:
    """What could be loaded, by port and name, and what is off and why."""

    def __init__(
        self,
        offers: Mapping[tuple[str, str], Registration[Any]],
        statuses: Mapping[str, PluginStatus],
    ) -> None:
        self._offers = dict(offers)
        self._statuses = dict(statuses)

    @property
    def statuses(self) -> tuple[PluginStatus, ...]:
        return tuple(sorted(self._statuses.values(), key=lambda status: status.name))

    def offer(self, port: str, name: str) -> Registration[Any]:
        """Return what ``name`` offers for ``port``; raises Misconfigured saying why it cannot."""
        offer: Registration[Any] | None = self._offers.get((port, name))
        if offer is not None:
            return offer
        status = self._statuses.get(name)
        if status is None:
            raise Misconfigured(f"the plugin {name!r} is not installed")
        if status.off:
            raise Misconfigured(f"the plugin {name!r} is off: {status.off}")
        offered = ", ".join(status.ports) or "nothing"
        raise Misconfigured(f"the plugin {name!r} offers {offered}, not the port {port!r}")

    def title(self, name: str) -> str:
        """Return what people call this plugin: its title, or its name where it has none."""
        status = self._statuses.get(name)
        return status.title if status and status.title else name

    def names(self, port: str) -> tuple[str, ...]:
        return tuple(name for offered, name in self._offers if offered == port)

    def build(
        self,
        port: str,
        name: str,
        section: Mapping[str, Any],
        context: PluginContext,
        folder: Path | None = None,
    ) -> Any:
        """Decode the plugin's settings and build it.

        Raises Misconfigured naming the plugin and the wrong key, and for anything else that the
        factory raises: a plugin that cannot be built must not look like a defect of ours.
        """
        offer = self.offer(port, name)
        try:
            settings = decode_settings(section, offer.settings, folder)
        except (msgspec.ValidationError, ValueError) as error:
            raise Misconfigured(f"plugins.{name}: {error}") from error
        except Misconfigured as error:
            raise Misconfigured(f"plugins.{name}: {error}") from error
        try:
            return offer.build(settings, context)
        except PortError as error:
            raise Misconfigured(f"plugins.{name}: {error}") from error
        except Exception as error:
            raise Misconfigured(
                f"plugins.{name}: it failed while it was built: {type(error).__name__}: {error}"
            ) from error

    def switch_off(self, name: str, reason: str) -> None:
        """Take a plugin out of service, for example after its factory failed."""
        status = self._statuses[name]
        self._statuses[name] = msgspec.structs.replace(status, off=reason)


def load_plugins(wanted: Iterable[str], extensions: Iterable[Extension] = ()) -> PluginCatalog:
    """Load the wanted plugins that are installed and allowed; none of them can raise from here."""
    allowed = {extension.name: extension for extension in extensions}
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        found.setdefault(entry.name, []).append(entry)
    manager = pluggy.PluginManager("dueport")
    manager.add_hookspecs(DueportHooks)
    offers: dict[tuple[str, str], Registration[Any]] = {}
    statuses: dict[str, PluginStatus] = {}
    for name in sorted(set(wanted)):
        candidates = found.get(name, [])
        if not candidates:
            continue
        entry, refusal = _choose(name, candidates, allowed.get(name))
        status = _status(name, entry)
        if refusal:
            statuses[name] = msgspec.structs.replace(status, off=refusal)
            continue
        registry = Registry()
        reason = _register(manager, name, entry, registry)
        problem = reason or _contract_problem(registry)
        if problem:
            log.warning("plugin switched off", plugin=name, reason=problem)
            statuses[name] = msgspec.structs.replace(status, off=problem)
            continue
        for offer in registry.offers():
            offers[offer.port, offer.name] = offer
        ports = tuple(offer.port for offer in registry.offers())
        title = next((offer.title for offer in registry.offers() if offer.title), "")
        statuses[name] = msgspec.structs.replace(status, ports=ports, title=title)
    return PluginCatalog(offers, statuses)


def _choose(
    name: str, candidates: list[importlib.metadata.EntryPoint], extension: Extension | None
) -> tuple[importlib.metadata.EntryPoint, str]:
    """Pick the entry point whose distribution is allowed, or say why none is."""
    wanted = extension.distribution if extension else BUILT_IN_DISTRIBUTION
    for entry in candidates:
        if entry.dist is None or _normal(entry.dist.name) != _normal(wanted):
            continue
        if extension and extension.version and entry.dist.version != extension.version:
            return entry, (
                f"version {entry.dist.version} of {wanted} is installed, "
                f"the configuration allows {extension.version}"
            )
        return entry, ""
    others = ", ".join(sorted({_distribution(entry) for entry in candidates}))
    return candidates[0], (
        f"it comes from the distribution {others}, which the configuration does not allow; "
        f"add it under [[extensions]] if you trust it"
    )


def _register(
    manager: pluggy.PluginManager,
    name: str,
    entry: importlib.metadata.EntryPoint,
    registry: Registry,
) -> str:
    """Import and register one plugin; return why it failed, or nothing.

    ``SystemExit`` is contained as well: a plugin that calls ``sys.exit`` while it is imported
    must not end the portals. Ctrl-C still does.
    """
    try:
        module = entry.load()
        manager.register(module, name=name)
        manager.check_pending()
        callers = manager.subset_hook_caller(
            "register", [plugin for plugin in manager.get_plugins() if plugin is not module]
        )
        callers(registry=registry)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        manager.unregister(name=name) if manager.has_plugin(name) else None
        return f"{type(error).__name__}: {error}"
    if not registry.offers():
        return "it registered nothing"
    return ""


def _contract_problem(registry: Registry) -> str:
    """Refuse plugins written for another major version of the port contract."""
    ours = CONTRACT_VERSION.split(".")[0]
    for offer in registry.offers():
        if offer.contract.split(".")[0] != ours:
            return (
                f"it is written for plugin contract {offer.contract}, "
                f"this Dueport speaks {CONTRACT_VERSION}"
            )
    return ""


def _status(name: str, entry: importlib.metadata.EntryPoint) -> PluginStatus:
    version = entry.dist.version if entry.dist else ""
    return PluginStatus(name=name, distribution=_distribution(entry), version=version)


def _distribution(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown distribution"


def _normal(name: str) -> str:
    """Compare distribution names as package indexes do."""
    return name.lower().replace("_", "-").replace(".", "-")
