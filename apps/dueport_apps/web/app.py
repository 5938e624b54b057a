"""The web application: both portals, the API, webhooks and health, in one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp

from dueport_apps.adapters.secret_box import derive_key
from dueport_apps.container import Container
from dueport_apps.settings import Settings
from dueport_apps.storage.people_reader import PeopleReader
from dueport_apps.storage.sessions import SqlIdempotencyStore, SqlSessionStore
from dueport_apps.web.api.routers import create_customer_api, create_operator_api
from dueport_apps.web.assets import Assets, create_static_router
from dueport_apps.web.bridge import bridge
from dueport_apps.web.customer.routers import create_customer_router
from dueport_apps.web.health import create_health_router
from dueport_apps.web.http.errors import exception_handlers
from dueport_apps.web.http.guards import check_every_route_is_guarded
from dueport_apps.web.http.settings import HttpSettings, Portal
from dueport_apps.web.http.stack import HttpBase, compression
from dueport_apps.web.logo import create_logo_router
from dueport_apps.web.operator.routers import create_operator_router
from dueport_apps.web.people import PeopleFinder
from dueport_apps.web.templating import Brand, Templates
from dueport_apps.web.webhooks import create_webhook_router


def http_settings(settings: Settings) -> HttpSettings:
    """Return what the web base needs to know about this deployment."""
    return HttpSettings(
        customer_url=settings.config.web.base_url,
        operator_url=settings.operator_base_url,
        secret=derive_key(settings.secret_key, "dueport web"),
    )


def create_litestar(container: Container) -> Litestar:
    """Return the framework's application; raises Misconfigured when a route says not who may call
    it."""
    settings = container.settings()
    http = http_settings(settings)
    assets = Assets()
    templates = _templates(container, assets)
    people = PeopleFinder(PeopleReader(container.database()))
    base = HttpBase(
        settings=http,
        sessions=SqlSessionStore(container.database()),
        principals=people,
        idempotency=SqlIdempotencyStore(container.database()),
        api_keys=people,
        now=container.clock().now,
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await container.database().ping()
        yield

    app = Litestar(
        route_handlers=[
            create_static_router(assets),
            create_logo_router(settings.logo),
            create_health_router(),
            create_webhook_router(),
            create_customer_router(base.middleware(Portal.CUSTOMER)),
            create_operator_router(base.middleware(Portal.OPERATOR)),
            create_customer_api(base.middleware(Portal.CUSTOMER)),
            create_operator_api(base.middleware(Portal.OPERATOR)),
        ],
        dependencies={
            **bridge(container),
            "database": Provide(lambda: container.database(), sync_to_thread=False),
            "templates": Provide(lambda: templates, sync_to_thread=False),
        },
        exception_handlers=exception_handlers(
            http, templates, {portal: base.opener(portal) for portal in Portal}
        ),
        compression_config=compression(),
        logging_config=None,
        lifespan=[lifespan],
        openapi_config=None,
        request_max_body_size=2_000_000,
    )
    check_every_route_is_guarded(app)
    app.state.base = base
    return app


def create_app(container: Container) -> ASGIApp:
    """Return the application as a server runs it, wrapped in what every answer carries."""
    app = create_litestar(container)
    wrapped: ASGIApp = app.state.base.wrap(app)
    return wrapped


def _templates(container: Container, assets: Assets) -> Templates:
    settings = container.settings()
    dealer = settings.config.dealer
    return Templates(
        brand=Brand(
            name=dealer.name,
            email=dealer.reply_to,
            phone=dealer.phone,
            logo=settings.logo,
            accent=dealer.brand_color,
        ),
        time_zone=ZoneInfo(dealer.time_zone),
        assets=assets,
        now=container.clock().now,
    )
