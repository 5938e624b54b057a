"""Link's tokens and sessions, as Link's own pages use them."""

import json
from typing import Any

import httpx
import pytest

from dueport_apps.sandbox.serve import RunningSandbox
from tests.patience import PATIENCE_S
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver


async def new_token(api: PlaidClient, **more: Any) -> Any:
    """Create a Link token."""
    fields = {
        "client_name": "Ridgeline Supply",
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": "payer-1"},
        "products": ["auth", "transfer"],
    }
    return await api("link_token_create", **(fields | more))


class Pages:
    """The calls of Link's pages."""

    def __init__(self, sandbox: RunningSandbox, link_token: str) -> None:
        self._base_url = f"{sandbox.base_url}/plaid-link"
        self._token = link_token
        self._session_id = ""

    async def __call__(self, path: str, **fields: Any) -> Any:
        """Make one call and return its answer."""
        body = {"link_token": self._token, "link_session_id": self._session_id, **fields}
        async with httpx.AsyncClient(base_url=self._base_url, timeout=PATIENCE_S) as client:
            answer = (await client.post(f"/{path}", json=body)).json()
        self._session_id = answer.get("link_session_id", self._session_id)
        return answer

    async def sign_in(self, username: str = "user_good", password: str = "pass_good") -> Any:
        """Sign in at the first bank."""
        return await self(
            "sign-in", institution_id="ins_109508", username=username, password=password
        )


async def test_a_person_links_one_account_and_only_that_one_is_shared(
    sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    token = await new_token(plaid_api)
    pages = Pages(sandbox, token["link_token"])
    assert (await pages("start"))["client_name"] == "Ridgeline Supply"
    savings = (await pages.sign_in())["accounts"][1]
    done = await pages("finish", account_ids=[savings["id"]])
    assert done["metadata"]["institution"]["name"] == "First Platypus Bank"
    assert done["metadata"]["accounts"] == [
        {
            "id": savings["id"],
            "name": "Plaid Saving",
            "mask": "1111",
            "type": "depository",
            "subtype": "savings",
            "verification_status": None,
            "class_type": None,
        }
    ]
    opened = await plaid_api("item_public_token_exchange", public_token=done["public_token"])
    accounts = await plaid_api("accounts_get", access_token=opened["access_token"])
    assert [one["account_id"] for one in accounts["accounts"]] == [savings["id"]]


async def test_wrong_credentials_can_be_corrected(
    sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    pages = Pages(sandbox, (await new_token(plaid_api))["link_token"])
    await pages("start")
    refusal = await pages.sign_in(password="wrong")
    assert refusal["error_code"] == "INVALID_CREDENTIALS"
    assert refusal["display_message"]
    assert len((await pages.sign_in())["accounts"]) == 2


async def test_an_account_filter_hides_what_cannot_be_debited(
    sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    filters = {"depository": {"account_subtypes": ["checking"]}}
    token = await new_token(plaid_api, account_filters=filters)
    pages = Pages(sandbox, token["link_token"])
    await pages("start")
    assert [one["mask"] for one in (await pages.sign_in())["accounts"]] == ["0000"]


async def test_a_link_token_is_good_for_four_hours(
    sandbox: RunningSandbox, plaid_api: PlaidClient
) -> None:
    pages = Pages(sandbox, (await new_token(plaid_api))["link_token"])
    await sandbox.frame.clock.advance(seconds=4 * 3600)
    assert (await pages("start"))["error_code"] == "INVALID_LINK_TOKEN"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_name": "x" * 31}, "INVALID_FIELD"),
        ({"products": []}, "INVALID_FIELD"),
        ({"country_codes": ["GB"]}, "INVALID_FIELD"),
        ({"access_token": "access-sandbox-nobody"}, "ITEM_NOT_FOUND"),
        ({"transfer": {"authorization_id": "nobody"}}, "INVALID_FIELD"),
    ],
)
async def test_link_tokens_that_cannot_be_meant_are_refused(
    plaid_api: PlaidClient, change: dict[str, Any], code: str
) -> None:
    fields = {
        "client_name": "Ridgeline Supply",
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": "payer-1"},
        "products": ["auth", "transfer"],
    }
    refusal = await plaid_api.refused("link_token_create", **(fields | change))
    assert refusal["error_code"] == code


async def test_update_mode_repairs_the_item_and_keeps_its_access_token(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await linked.api("sandbox_item_reset_login", access_token=linked.access_token)
    token = await new_token(linked.api, access_token=linked.access_token, products=None)
    pages = Pages(sandbox, token["link_token"])
    start = await pages("start")
    assert start["update"]["name"] == "First Platypus Bank"
    accounts = (await pages.sign_in("user_business"))["accounts"]
    await pages("finish", account_ids=[one["id"] for one in accounts])
    answer = await linked.api("accounts_get", access_token=linked.access_token)
    assert len(answer["accounts"]) == 2


async def test_link_unblocks_an_authorization_that_asked_for_action(
    sandbox: RunningSandbox, linked: Linked
) -> None:
    await linked.api("sandbox_item_reset_login", access_token=linked.access_token)
    stuck = await linked.authorize("10.00", idempotency_key="attempt-1")
    token = await new_token(
        linked.api, products=["transfer"], transfer={"authorization_id": stuck["id"]}
    )
    pages = Pages(sandbox, token["link_token"])
    await pages("start")
    accounts = (await pages.sign_in("user_business"))["accounts"]
    done = await pages("finish", account_ids=[one["id"] for one in accounts])
    assert done["public_token"] is None
    assert done["metadata"]["transfer_status"] == "COMPLETE"
    again = await linked.authorize("10.00", idempotency_key="attempt-1")
    assert again["decision"] == "approved"


async def test_hosted_link_ends_with_a_notification_and_a_readable_session(
    sandbox: RunningSandbox, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    token = await new_token(plaid_api, hosted_link={}, webhook=receiver.url)
    assert token["hosted_link_url"].startswith(f"{sandbox.base_url}/plaid-link/hosted/")
    pages = Pages(sandbox, token["link_token"])
    await pages("start")
    accounts = (await pages.sign_in())["accounts"]
    done = await pages("finish", account_ids=[accounts[0]["id"]])
    await receiver.wait_for(1)
    body = json.loads(receiver.heard[0][1])
    assert (body["webhook_code"], body["status"]) == ("SESSION_FINISHED", "SUCCESS")
    assert body["public_tokens"] == [done["public_token"]]
    got = await plaid_api("link_token_get", link_token=token["link_token"])
    results = got["link_sessions"][0]["results"]["item_add_results"]
    assert results[0]["public_token"] == done["public_token"]


async def test_leaving_is_told_too(
    sandbox: RunningSandbox, plaid_api: PlaidClient, receiver: Receiver
) -> None:
    token = await new_token(plaid_api, hosted_link={}, webhook=receiver.url)
    pages = Pages(sandbox, token["link_token"])
    await pages("start")
    left = await pages("leave", status="requires_credentials")
    assert left["metadata"]["status"] == "requires_credentials"
    await receiver.wait_for(1)
    assert json.loads(receiver.heard[0][1])["status"] == "EXITED"
    got = await plaid_api("link_token_get", link_token=token["link_token"])
    assert got["link_sessions"][0]["exit"]["metadata"]["status"] == "requires_credentials"
