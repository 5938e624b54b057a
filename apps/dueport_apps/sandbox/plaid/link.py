"""Link: the tokens that open it, and the sessions in which a person chooses bank and account.

`/link/token/*` is the API; the session methods are what Link's own pages call. A session is
known to its page alone, and everything it may do follows from the token's record.
"""

from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from dueport_apps.sandbox.plaid.errors import PlaidRefusal, invalid_field
from dueport_apps.sandbox.plaid.institutions import INSTITUTIONS, check_login, institution
from dueport_apps.sandbox.plaid.items import Items
from dueport_apps.sandbox.plaid.records import BankAccount, Item, LinkSession, LinkToken
from dueport_apps.sandbox.plaid.requests import LinkTokenCreate, LinkTokenGet
from dueport_apps.sandbox.plaid.views import instant, link_account_view, link_token_view
from dueport_apps.sandbox.plaid.webhooks import PlaidWebhooks
from dueport_apps.sandbox.plaid.world import PlaidWorld

LIFETIME: Final = timedelta(hours=4)
UPDATE_LIFETIME: Final = timedelta(minutes=30)
CLIENT_NAME_LENGTH_MAX: Final = 30
PAGES: Final = "/plaid-link"


class Link:
    """Tokens and sessions."""

    def __init__(self, world: PlaidWorld, items: Items, webhooks: PlaidWebhooks) -> None:
        self._world = world
        self._items = items
        self._webhooks = webhooks

    def create(self, request: LinkTokenCreate) -> dict[str, Any]:
        """Answer `/link/token/create`."""
        if not 1 <= len(request.client_name) <= CLIENT_NAME_LENGTH_MAX:
            raise invalid_field(
                f"client_name must be between 1 and {CLIENT_NAME_LENGTH_MAX} characters"
            )
        if "US" not in request.country_codes:
            raise invalid_field("country_codes must contain US for these products")
        if request.user is None:
            raise PlaidRefusal(
                "MISSING_FIELDS", "the following required fields are missing: user.client_user_id"
            )
        item = self._item_to_update(request)
        if item is None and not request.products:
            raise invalid_field("products must not be empty")
        lifetime = LIFETIME if item is None else UPDATE_LIFETIME
        hosted = request.hosted_link
        if hosted is not None and hosted.url_lifetime_seconds is not None:
            lifetime = timedelta(seconds=hosted.url_lifetime_seconds)
        now = self._world.now()
        token = LinkToken(
            id=self._world.new_token("link"),
            created_at=now,
            expires_at=now + lifetime,
            client_name=request.client_name,
            language=request.language,
            country_codes=request.country_codes,
            products=tuple(request.products or ()) if item is None else item.products,
            webhook=request.webhook,
            redirect_uri=request.redirect_uri,
            account_subtypes=request.account_filters.depository.account_subtypes,
            item_id=None if item is None else item.id,
            authorization_id=request.transfer.authorization_id,
            hosted=hosted is not None,
            completion_redirect_uri=None if hosted is None else hosted.completion_redirect_uri,
        )
        self._world.link_tokens.put(token)
        answer = {"link_token": token.id, "expiration": instant(token.expires_at)}
        if token.hosted:
            base_url = self._world.frame.settings.base_url
            answer["hosted_link_url"] = f"{base_url}{PAGES}/hosted/{token.id}"
        return answer

    def get(self, request: LinkTokenGet) -> dict[str, Any]:
        """Answer `/link/token/get`, with what every session came to."""
        token = self._world.link_tokens.get(request.link_token)
        if token is None:
            raise PlaidRefusal("INVALID_LINK_TOKEN", "could not find matching link token")
        return {
            "link_token": token.id,
            "created_at": instant(token.created_at),
            "expiration": instant(token.expires_at),
            "metadata": link_token_view(token),
            "link_sessions": [self._session_view(one) for one in reversed(token.sessions)],
        }

    def usable(self, token_id: str) -> LinkToken:
        """Return a token that may still open Link, or refuse it."""
        token = self._world.link_tokens.get(token_id)
        if token is None or self._world.now() >= token.expires_at:
            raise PlaidRefusal(
                "INVALID_LINK_TOKEN",
                "link_token is expired or invalid. get a new link token to reinitialize Link",
            )
        return token

    def start(self, token_id: str) -> dict[str, Any]:
        """Open a session and return what the first page shows."""
        token = self.usable(token_id)
        item = self._updated_item(token)
        session = LinkSession(id=self._world.new_uuid(), started_at=self._world.now())
        if item is not None:
            session = replace(session, institution_id=item.institution_id, username=item.username)
        session = self._with_event(session, "OPEN")
        self._world.link_tokens.put(replace(token, sessions=(*token.sessions, session)))
        bank = None if item is None else INSTITUTIONS[item.institution_id]
        return {
            "link_session_id": session.id,
            "client_name": token.client_name,
            "institutions": [{"id": one.id, "name": one.name} for one in INSTITUTIONS.values()],
            "update": None if bank is None else {"id": bank.id, "name": bank.name},
            "hosted": token.hosted,
        }

    def sign_in(
        self, token_id: str, session_id: str, institution_id: str, username: str, password: str
    ) -> dict[str, Any]:
        """Check credentials and return the accounts to choose from."""
        token, session = self._session(token_id, session_id)
        bank = institution(institution_id)
        session = replace(session, institution_id=bank.id, username=username)
        session = self._with_event(session, "SUBMIT_CREDENTIALS")
        item = self._updated_item(token)
        try:
            if item is None:
                item = self._items.sign_in(
                    bank.id, username, password, token.products, token.webhook
                )
            else:
                check_login(username, password)
        except PlaidRefusal as refusal:
            self._put(token, self._with_event(session, "ERROR", error_code=refusal.code))
            raise
        self._put(token, replace(session, item_id=item.id))
        return {
            "institution": {"name": bank.name, "institution_id": bank.id},
            "accounts": [link_account_view(one) for one in self._offered(token, item)],
        }

    def finish(self, token_id: str, session_id: str, account_ids: list[str]) -> dict[str, Any]:
        """Share the chosen accounts and return what `onSuccess` is called with."""
        token, session = self._session(token_id, session_id)
        if session.item_id is None:
            raise invalid_field("sign in before choosing an account")
        item = self._world.items[session.item_id]
        offered = {one.id: one for one in self._offered(token, item)}
        chosen = tuple(one for one in offered.values() if one.id in account_ids)
        if not chosen or len(chosen) != len(set(account_ids)):
            raise invalid_field("choose at least one of the accounts")
        if self._updated_item(token) is None:
            item = self._world.items.put(replace(item, accounts=chosen))
        else:
            item = self._items.repair(item)
        public_token = None if token.authorization_id else self._items.share(item).id
        session = replace(
            session,
            account_ids=tuple(one.id for one in chosen),
            public_token=public_token,
            finished_at=self._world.now(),
        )
        session = self._with_event(session, "HANDOFF")
        self._put(token, session)
        if token.hosted:
            self._webhooks.session_finished(token, session)
        return {
            "public_token": public_token,
            "metadata": self._success_metadata(token, session, chosen),
            "completion_redirect_uri": token.completion_redirect_uri,
        }

    def leave(self, token_id: str, session_id: str, status: str) -> dict[str, Any]:
        """Close a session without success and return what `onExit` is told."""
        token, session = self._session(token_id, session_id)
        session = replace(session, finished_at=self._world.now(), exit_status=status)
        session = self._with_event(session, "EXIT", exit_status=status)
        self._put(token, session)
        if token.hosted:
            self._webhooks.session_finished(token, session)
        return {"metadata": self._exit_metadata(session)}

    def _item_to_update(self, request: LinkTokenCreate) -> Item | None:
        if request.transfer.authorization_id is not None:
            authorization = self._world.authorizations.get(request.transfer.authorization_id)
            if authorization is None or authorization.decision != "user_action_required":
                raise invalid_field(
                    "transfer.authorization_id must name an authorization that requires user action"
                )
            return self._world.items[authorization.item_id]
        if request.access_token is not None:
            return self._world.item_of(request.access_token)
        return None

    def _updated_item(self, token: LinkToken) -> Item | None:
        return None if token.item_id is None else self._world.items[token.item_id]

    def _offered(self, token: LinkToken, item: Item) -> list[BankAccount]:
        kinds = token.account_subtypes
        if not kinds or "all" in kinds:
            return list(item.accounts)
        return [one for one in item.accounts if one.subtype in kinds]

    def _session(self, token_id: str, session_id: str) -> tuple[LinkToken, LinkSession]:
        token = self.usable(token_id)
        for session in token.sessions:
            if session.id == session_id and session.finished_at is None:
                return token, session
        raise invalid_field("this Link session is over; open Link again")

    def _put(self, token: LinkToken, session: LinkSession) -> None:
        sessions = tuple(session if one.id == session.id else one for one in token.sessions)
        self._world.link_tokens.put(replace(token, sessions=sessions))

    def _with_event(self, session: LinkSession, name: str, **more: str) -> LinkSession:
        metadata: dict[str, str] = {"request_id": self._world.new_request_id(), **more}
        if session.institution_id is not None:
            bank = INSTITUTIONS[session.institution_id]
            metadata |= {"institution_id": bank.id, "institution_name": bank.name}
        event = {
            "event_id": self._world.new_uuid(),
            "event_name": name,
            "event_metadata": metadata,
            "timestamp": instant(self._world.now()),
        }
        return replace(session, events=(*session.events, event))

    def _success_metadata(
        self, token: LinkToken, session: LinkSession, accounts: tuple[BankAccount, ...]
    ) -> dict[str, Any]:
        views = [link_account_view(one) for one in accounts]
        return {
            "institution": _institution_view(session),
            "accounts": views,
            "account": views[0],
            "account_id": views[0]["id"],
            "link_session_id": session.id,
            "transfer_status": "COMPLETE" if token.authorization_id else None,
        }

    def _exit_metadata(self, session: LinkSession) -> dict[str, Any]:
        return {
            "institution": _institution_view(session),
            "status": session.exit_status,
            "link_session_id": session.id,
            "request_id": self._world.new_request_id(),
        }

    def _session_view(self, session: LinkSession) -> dict[str, Any]:
        view: dict[str, Any] = {
            "link_session_id": session.id,
            "started_at": instant(session.started_at),
            "finished_at": None if session.finished_at is None else instant(session.finished_at),
            "events": list(reversed(session.events)),
        }
        if session.exit_status is not None:
            metadata = self._exit_metadata(session)
            view["exit"] = {"error": None, "metadata": metadata}
            view["on_exit"] = view["exit"]
        if session.public_token is not None and session.item_id is not None:
            item = self._world.items[session.item_id]
            chosen = [one for one in item.accounts if one.id in session.account_ids]
            bank = _institution_view(session)
            accounts = [link_account_view(one) for one in chosen]
            view["on_success"] = {
                "public_token": session.public_token,
                "metadata": {
                    "institution": bank,
                    "accounts": accounts,
                    "link_session_id": session.id,
                    "transfer_status": None,
                },
            }
            added = {
                "public_token": session.public_token,
                "accounts": accounts,
                "institution": bank,
            }
            view["results"] = {
                "item_add_results": [added],
                "cra_item_add_results": [],
                "cra_update_results": [],
                "bank_income_results": [],
                "payroll_income_results": [],
                "document_income_results": None,
            }
        return view


def _institution_view(session: LinkSession) -> dict[str, str] | None:
    if session.institution_id is None:
        return None
    bank = INSTITUTIONS[session.institution_id]
    return {"name": bank.name, "institution_id": bank.id}
