"""One simulated Plaid, put together, and the table of its endpoints."""

from collections.abc import Callable
from typing import Any

import msgspec

from dueport_apps.sandbox.frame import SandboxFrame
from dueport_apps.sandbox.plaid import requests, sandbox_requests
from dueport_apps.sandbox.plaid.agenda import Agenda
from dueport_apps.sandbox.plaid.authorizations import Authorizations
from dueport_apps.sandbox.plaid.feed import Feed
from dueport_apps.sandbox.plaid.items import Items
from dueport_apps.sandbox.plaid.ledger import Ledger
from dueport_apps.sandbox.plaid.link import Link
from dueport_apps.sandbox.plaid.refunds import Refunds
from dueport_apps.sandbox.plaid.requests import PlaidRequest
from dueport_apps.sandbox.plaid.simulation import Simulation
from dueport_apps.sandbox.plaid.sweeps import Sweeps
from dueport_apps.sandbox.plaid.transfers import Transfers
from dueport_apps.sandbox.plaid.webhooks import PlaidWebhooks
from dueport_apps.sandbox.plaid.world import PlaidWorld


class Endpoint(msgspec.Struct, frozen=True):
    """What a call takes and what answers it."""

    request: type[PlaidRequest]
    answer: Callable[[Any], dict[str, Any]]


class SimulatedPlaid:
    """The parts of one simulated Plaid."""

    def __init__(self, frame: SandboxFrame) -> None:
        self.world = PlaidWorld(frame)
        self.agenda = Agenda(self.world)
        self.webhooks = PlaidWebhooks(self.world)
        self.items = Items(self.world, self.webhooks)
        self.link = Link(self.world, self.items, self.webhooks)
        self.ledger = Ledger(self.world, self.agenda)
        self.authorizations = Authorizations(self.world)
        self.transfers = Transfers(self.world, self.agenda, self.ledger)
        self.feed = Feed(self.world)
        self.sweeps = Sweeps(self.world, self.agenda)
        self.refunds = Refunds(self.world, self.agenda, self.ledger)
        self.simulation = Simulation(
            self.world, self.webhooks, self.transfers, self.sweeps, self.refunds
        )

    def start(self) -> None:
        """Carry on with what a saved world still waits for."""
        self.webhooks.reset()
        self.agenda.resume()

    def verification_key(self, request: requests.VerificationKeyGet) -> dict[str, Any]:
        """Answer `/webhook_verification_key/get`."""
        return {"key": self.webhooks.public_key(request.key_id)}

    def endpoints(self) -> dict[str, Endpoint]:
        """Return every path below `/plaid` and what answers it."""
        simulation = self.simulation
        return {
            "/link/token/create": Endpoint(requests.LinkTokenCreate, self.link.create),
            "/link/token/get": Endpoint(requests.LinkTokenGet, self.link.get),
            "/item/public_token/exchange": Endpoint(
                requests.PublicTokenExchange, self.items.exchange
            ),
            "/item/get": Endpoint(requests.ItemRequest, self.items.get),
            "/item/remove": Endpoint(requests.ItemRequest, self.items.remove),
            "/item/webhook/update": Endpoint(requests.ItemWebhookUpdate, self.items.change_webhook),
            "/accounts/get": Endpoint(requests.AccountsRequest, self.items.accounts),
            "/accounts/balance/get": Endpoint(requests.AccountsRequest, self.items.accounts),
            "/auth/get": Endpoint(requests.AccountsRequest, self.items.auth),
            "/identity/match": Endpoint(requests.IdentityMatch, self.items.identity_match),
            "/webhook_verification_key/get": Endpoint(
                requests.VerificationKeyGet, self.verification_key
            ),
            **self._transfer_endpoints(),
            "/sandbox/public_token/create": Endpoint(
                sandbox_requests.SandboxPublicTokenCreate, self.items.sandbox_public_token
            ),
            "/sandbox/item/reset_login": Endpoint(requests.ItemRequest, self.items.reset_login),
            "/sandbox/item/fire_webhook": Endpoint(
                sandbox_requests.SandboxFireWebhook, simulation.item_webhook
            ),
            "/sandbox/item/set_verification_status": Endpoint(
                sandbox_requests.SandboxSetVerificationStatus, self.items.set_verification_status
            ),
            "/sandbox/transfer/simulate": Endpoint(
                sandbox_requests.SandboxTransferSimulate, simulation.transfer
            ),
            "/sandbox/transfer/refund/simulate": Endpoint(
                sandbox_requests.SandboxRefundSimulate, simulation.refund
            ),
            "/sandbox/transfer/sweep/simulate": Endpoint(
                sandbox_requests.SandboxSweepSimulate, simulation.sweep
            ),
            "/sandbox/transfer/fire_webhook": Endpoint(
                sandbox_requests.SandboxTransferFireWebhook, simulation.transfer_webhook
            ),
            "/sandbox/transfer/ledger/simulate_available": Endpoint(
                sandbox_requests.SandboxLedgerSimulate, self.ledger.simulate_available
            ),
            "/sandbox/transfer/ledger/deposit/simulate": Endpoint(
                sandbox_requests.SandboxSweepMove, self.ledger.simulate
            ),
            "/sandbox/transfer/ledger/withdraw/simulate": Endpoint(
                sandbox_requests.SandboxSweepMove, self.ledger.simulate
            ),
        }

    def _transfer_endpoints(self) -> dict[str, Endpoint]:
        return {
            "/transfer/authorization/create": Endpoint(
                requests.AuthorizationCreate, self.authorizations.create
            ),
            "/transfer/authorization/cancel": Endpoint(
                requests.AuthorizationCancel, self.authorizations.cancel
            ),
            "/transfer/create": Endpoint(requests.TransferCreate, self.transfers.create),
            "/transfer/get": Endpoint(requests.TransferGet, self.transfers.get),
            "/transfer/list": Endpoint(requests.TransferList, self.transfers.page),
            "/transfer/cancel": Endpoint(requests.TransferCancel, self.transfers.cancel),
            "/transfer/event/sync": Endpoint(requests.EventSync, self.feed.sync),
            "/transfer/event/list": Endpoint(requests.EventList, self.feed.page),
            "/transfer/sweep/get": Endpoint(requests.SweepGet, self.sweeps.get),
            "/transfer/sweep/list": Endpoint(requests.SweepList, self.sweeps.page),
            "/transfer/ledger/get": Endpoint(requests.LedgerGet, self.ledger.get),
            "/transfer/ledger/withdraw": Endpoint(requests.LedgerMove, self.ledger.withdraw),
            "/transfer/ledger/deposit": Endpoint(requests.LedgerMove, self.ledger.deposit),
            "/transfer/ledger/event/list": Endpoint(requests.LedgerEventList, self.ledger.events),
            "/transfer/refund/create": Endpoint(requests.RefundCreate, self.refunds.create),
            "/transfer/refund/get": Endpoint(requests.RefundRequest, self.refunds.get),
            "/transfer/refund/cancel": Endpoint(requests.RefundRequest, self.refunds.cancel),
        }
