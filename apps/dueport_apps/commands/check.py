"""``dueport check``: try everything that a deployment needs, and name all that is wrong."""

import os

import msgspec

from dueport_apps.container import Container, build_container, running
from dueport_apps.deployment import database
from dueport_apps.documents.letterhead import draw_logo
from dueport_apps.settings import Settings
from dueport_apps.storage.migrate import schema_state
from dueport_ports import DueportError, Misconfigured, PortError

NO_DATABASE = "postgresql://nobody@127.0.0.1/none"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried."""

    what: str
    ok: bool
    detail: str


async def check_deployment(settings: Settings) -> list[Finding]:
    """Try plugins, database, mail server, ERP and processors; never raises for one of them."""
    findings = [Finding(what="configuration", ok=True, detail=f"for {settings.config.dealer.name}")]
    findings += _logo(settings)
    findings.append(_database(settings))
    findings += _bounces(settings)
    # Plugins and what they reach need no database, so they are tried in any case.
    container = build_container(settings, NO_DATABASE)
    plugins = _plugins(container)
    findings += plugins
    if all(finding.ok for finding in plugins):
        async with running(container):
            findings += await _reach(container)
    return findings


def _logo(settings: Settings) -> list[Finding]:
    """Set the logo into a PDF, which is pickier than browsers; the settings have read it already."""
    if settings.logo is None:
        return []
    named, logo = settings.config.dealer.logo, settings.logo
    try:
        draw_logo(logo)
    except Misconfigured as error:
        return [Finding(what="logo", ok=False, detail=f"{named} {error}")]
    kilobytes = -(-len(logo.content) // 1024)
    detail = f"{named}, {logo.width} x {logo.height} pixels, {kilobytes} KB"
    return [Finding(what="logo", ok=True, detail=detail)]


def _database(settings: Settings) -> Finding:
    try:
        with database(settings) as url:
            current = schema_state(url).is_current
    except DueportError as error:
        return Finding(what="database", ok=False, detail=str(error))
    if current:
        return Finding(what="database", ok=True, detail="schema is up to date")
    if settings.database_url == "embedded":
        return Finding(what="database", ok=True, detail="reachable; the first start sets it up")
    return Finding(what="database", ok=False, detail="schema is not current: run `dueport migrate`")


def _bounces(settings: Settings) -> list[Finding]:
    named = settings.config.mail.bounces_folder
    if not named:
        return []
    folder = settings.folder / named
    usable = folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    detail = str(folder) if usable else f"{folder} is no folder that can be read and written"
    return [Finding(what="bounces folder", ok=usable, detail=detail)]


def _plugins(container: Container) -> list[Finding]:
    parts = {
        "erp plugin": container.erp,
        "mail plugin": container.sender,
        "invitation plugins": container.deliveries,
        "payment plugins": container.processors,
    }
    findings = []
    for what, part in parts.items():
        try:
            part()
        except Misconfigured as error:
            findings.append(Finding(what=what, ok=False, detail=str(error)))
        else:
            findings.append(Finding(what=what, ok=True, detail="built"))
    findings += [
        Finding(what=f"plugin {status.name}", ok=False, detail=f"off: {status.off}")
        for status in container.catalog().statuses
        if status.off
    ]
    return findings


async def _reach(container: Container) -> list[Finding]:
    findings = []
    try:
        detail = await container.sender().probe()
        findings.append(Finding(what="mail server", ok=True, detail=detail))
    except PortError as error:
        findings.append(Finding(what="mail server", ok=False, detail=str(error)))
    try:
        probe = await container.erp().connector.probe()
        findings.append(Finding(what="erp", ok=probe.ok, detail=probe.detail))
    except PortError as error:
        findings.append(Finding(what="erp", ok=False, detail=str(error)))
    for name, processor in container.processors().all().items():
        try:
            health = await processor.health()
            findings.append(Finding(what=name, ok=health.ok, detail=health.detail))
        except PortError as error:
            findings.append(Finding(what=name, ok=False, detail=str(error)))
    return findings
