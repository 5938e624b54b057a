"""How single objects of a deployment are made from its settings.

The container says which object goes into which; what takes more than passing arguments on is
here, without knowing of any container.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from dueport_apps.adapters.bounce_folder import BounceFiles
from dueport_apps.adapters.clock import SystemClock
from dueport_apps.adapters.configured import (
    ConfiguredDeliveries,
    ConfiguredErp,
    ConfiguredProcessors,
)
from dueport_apps.adapters.identifiers import UlidIds
from dueport_apps.adapters.known_passwords import known_passwords
from dueport_apps.adapters.mailroom import SealingMailroom
from dueport_apps.jobs.queue import ProcrastinateQueue, enqueuing_app
from dueport_apps.mail.renderer import MailRenderer
from dueport_apps.plugin_loader import PluginCatalog
from dueport_apps.settings import Settings
from dueport_apps.storage.engine import Database
from dueport_apps.storage.presence import WorkerPresence
from dueport_apps.storage.unit_of_work import SqlUnitOfWorkFactory
from dueport_apps.usecases.addresses import PortalAddresses
from dueport_apps.usecases.compose_invitations import ComposeInvitations
from dueport_apps.usecases.password_rules import PasswordRules
from dueport_apps.usecases.receive_bounce import REPORT_BYTES_MAX
from dueport_apps.usecases.send_mail import SendMail
from dueport_ports import (
    EmailSender,
    ErpConnector,
    InviteDelivery,
    Misconfigured,
    PaymentMethodKind,
    PaymentProcessor,
    PluginContext,
    SecretBox,
)

log = structlog.get_logger(__name__)


class Plugins:
    """The plugins of one deployment, built from its configuration.

    The mailer, the ERP connector and the invitation deliveries must be there; a processor that
    cannot be built is switched off with its reason, and the portals go on without it.
    """

    def __init__(self, settings: Settings, catalog: PluginCatalog, box: SecretBox) -> None:
        self._settings = settings
        self._box = box
        self._clock = SystemClock(settings.zone)
        self.catalog = catalog

    def context(self, name: str) -> PluginContext:
        folder = self._settings.data_folder / "plugins" / name
        folder.mkdir(parents=True, exist_ok=True)
        return PluginContext(
            clock=self._clock,
            secrets=self._box,
            dealer=self._settings.dealer_facts,
            environment=self._settings.config.dealer.environment,
            data_folder=folder,
            public_url=self._settings.config.web.base_url,
        )

    def erp(self) -> ConfiguredErp:
        name = self._settings.config.erp.plugin
        connector: ErpConnector = self._build("erp", name)
        return ConfiguredErp(name, connector)

    def email(self) -> EmailSender:
        sender: EmailSender = self._build("email", self._settings.config.mail.plugin)
        return sender

    def deliveries(self) -> ConfiguredDeliveries:
        current = f"invite_{self._settings.config.policies.invite.delivery}"
        built: dict[str, InviteDelivery] = {}
        for name in dict.fromkeys((current, "invite_link", "invite_credentials")):
            built[name] = self._build("invite_delivery", name)
        return ConfiguredDeliveries(current, built)

    def processors(self) -> ConfiguredProcessors:
        built: dict[str, PaymentProcessor] = {}
        by_method: dict[PaymentMethodKind, str] = {}
        for method, name in self._settings.processors.items():
            if name not in built:
                try:
                    built[name] = self._build("processor", name)
                except Misconfigured as error:
                    self.catalog.offer("processor", name)
                    log.error("processor switched off", plugin=name, reason=str(error))
                    self.catalog.switch_off(name, str(error))
                    continue
            if method not in built[name].capabilities().methods:
                raise Misconfigured(f"the plugin {name!r} does not take {method.value} payments")
            by_method[method] = name
        return ConfiguredProcessors(built, by_method)

    def _build(self, port: str, name: str) -> Any:
        section: Mapping[str, Any] = self._settings.config.plugins.get(name, {})
        return self.catalog.build(port, name, section, self.context(name), self._settings.folder)


def dealer_name(settings: Settings) -> str:
    return settings.config.dealer.name


def addresses(settings: Settings) -> PortalAddresses:
    return PortalAddresses(
        base_url=settings.config.web.base_url, operator_base_url=settings.operator_base_url
    )


def mail_renderer(settings: Settings, deliveries: ConfiguredDeliveries) -> MailRenderer:
    folders = [
        deliveries.named(name).templates_folder() for name in ("invite_link", "invite_credentials")
    ]
    own = settings.config.mail.templates
    if own:
        folders.insert(0, settings.folder / own)
    return MailRenderer(folders, settings.dealer_facts, settings.config.web.base_url)


def mailroom(
    settings: Settings, renderer: MailRenderer, box: SecretBox, ids: UlidIds, clock: SystemClock
) -> SealingMailroom:
    dealer = settings.config.dealer
    return SealingMailroom(
        renderer,
        box,
        ids,
        clock,
        from_address=settings.config.mail.from_address or dealer.reply_to,
        from_name=dealer.name,
        reply_to=dealer.reply_to,
    )


def transactions(database: Database, box: SecretBox, settings: Settings) -> SqlUnitOfWorkFactory:
    return _units(database.transactions, box, settings)


def statements(database: Database, box: SecretBox, settings: Settings) -> SqlUnitOfWorkFactory:
    return _units(database.statements, box, settings)


def _units(engine: AsyncEngine, box: SecretBox, settings: Settings) -> SqlUnitOfWorkFactory:
    app = enqueuing_app()
    return SqlUnitOfWorkFactory(
        engine,
        work=lambda connection: ProcrastinateQueue(connection, app),
        secrets=box,
        zone=settings.zone,
    )


def customer_rules(settings: Settings) -> PasswordRules:
    return PasswordRules(
        settings.config.policies.logins.password_min_length,
        known_passwords(),
        (settings.config.dealer.name,),
    )


def operator_rules(settings: Settings) -> PasswordRules:
    return PasswordRules(
        settings.config.policies.logins.operator_password_min_length,
        known_passwords(),
        (settings.config.dealer.name,),
    )


def send_mail(
    uow: SqlUnitOfWorkFactory,
    statements: SqlUnitOfWorkFactory,
    sender: EmailSender,
    mailroom: SealingMailroom,
    compose: ComposeInvitations,
    presence: WorkerPresence,
    clock: SystemClock,
    settings: Settings,
) -> SendMail:
    return SendMail(
        uow,
        statements,
        sender,
        mailroom.unseal,
        compose,
        presence,
        clock,
        max_per_minute=settings.config.mail.max_per_minute,
    )


def bounce_folder(settings: Settings) -> BounceFiles | None:
    named = settings.config.mail.bounces_folder
    return BounceFiles(settings.folder / named, REPORT_BYTES_MAX) if named else None
