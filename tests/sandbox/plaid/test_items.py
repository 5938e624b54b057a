"""Items, accounts and their health, through the real SDK."""

import pytest

from dueport_apps.sandbox.serve import RunningSandbox
from tests.sandbox.plaid.client import PlaidClient
from tests.sandbox.plaid.conftest import Linked, Receiver, link


async def test_the_usual_user_has_a_checking_and_a_savings_account(plaid_api: PlaidClient) -> None:
    linked = await link(plaid_api, "user_good")
    answer = await plaid_api("auth_get", access_token=linked.access_token)
    masks = {one["mask"]: one["subtype"] for one in answer["accounts"]}
    assert masks == {"0000": "checking", "1111": "savings"}
    assert {one["holder_category"] for one in answer["accounts"]} == {"personal"}
    numbers = {one["account_id"]: one["account"] for one in answer["numbers"]["ach"]}
    assert numbers[linked.account_id] == "1111222233330000"
    assert answer["item"]["institution_name"] == "First Platypus Bank"


async def test_the_business_user_holds_business_accounts(linked: Linked) -> None:
    assert linked.account["holder_category"] == "business"


async def test_a_public_token_is_exchanged_once(plaid_api: PlaidClient) -> None:
    shared = await plaid_api(
        "sandbox_public_token_create",
        institution_id="ins_109508",
        initial_products=["auth", "transfer"],
    )
    await plaid_api("item_public_token_exchange", public_token=shared["public_token"])
    refusal = await plaid_api.refused(
        "item_public_token_exchange", public_token=shared["public_token"]
    )
    assert refusal["error_code"] == "INVALID_PUBLIC_TOKEN"


async def test_a_removed_item_opens_nothing_any_more(linked: Linked) -> None:
    await linked.api("item_remove", access_token=linked.access_token)
    refusal = await linked.api.refused("accounts_get", access_token=linked.access_token)
    assert (refusal["status"], refusal["error_code"]) == (400, "ITEM_NOT_FOUND")


async def test_a_reset_login_asks_for_a_new_one_and_tells_the_items_own_address(
    plaid_api: PlaidClient, receiver: Receiver
) -> None:
    linked = await link(plaid_api, webhook=f"{receiver.url}/item")
    await plaid_api("sandbox_item_reset_login", access_token=linked.access_token)
    refusal = await plaid_api.refused("auth_get", access_token=linked.access_token)
    assert refusal["error_code"] == "ITEM_LOGIN_REQUIRED"
    assert refusal["display_message"]
    item = await plaid_api("item_get", access_token=linked.access_token)
    assert item["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    await receiver.wait_for(1)
    assert b'"webhook_code": "ERROR"' in receiver.heard[0][1]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("PENDING_DISCONNECT", "ITEM"),
        ("USER_PERMISSION_REVOKED", "ITEM"),
        ("LOGIN_REPAIRED", "ITEM"),
        ("DEFAULT_UPDATE", "AUTH"),
    ],
)
async def test_every_notification_of_an_item_can_be_fired(
    plaid_api: PlaidClient, receiver: Receiver, code: str, kind: str
) -> None:
    linked = await link(plaid_api, webhook=receiver.url)
    answer = await plaid_api(
        "sandbox_item_fire_webhook", access_token=linked.access_token, webhook_code=code
    )
    assert answer["webhook_fired"] is True
    await receiver.wait_for(1)
    body = receiver.heard[0][1].decode()
    assert f'"webhook_type": "{kind}"' in body
    assert f'"item_id": "{linked.item_id}"' in body


async def test_an_unverified_account_has_no_numbers_until_it_is_verified(
    plaid_api: PlaidClient,
) -> None:
    linked = await link(plaid_api, "user_pending")
    refusal = await plaid_api.refused("auth_get", access_token=linked.access_token)
    assert refusal["error_code"] == "PRODUCT_NOT_READY"
    accounts = await plaid_api("accounts_get", access_token=linked.access_token)
    for account in accounts["accounts"]:
        await plaid_api(
            "sandbox_item_set_verification_status",
            access_token=linked.access_token,
            account_id=account["account_id"],
            verification_status="automatically_verified",
        )
    answer = await plaid_api("auth_get", access_token=linked.access_token)
    assert len(answer["numbers"]["ach"]) == 2


async def test_the_holders_name_is_matched_in_any_order(linked: Linked) -> None:
    async def score(name: str) -> int:
        answer = await linked.api(
            "identity_match", access_token=linked.access_token, user={"legal_name": name}
        )
        return int(answer["accounts"][0]["legal_name"]["score"])

    assert await score("Builders LLC, Cedar Ridge") == 100
    assert await score("Cedar Ridge Builders") == 75
    assert await score("Somebody Else") == 0


async def test_wrong_keys_are_refused_in_plaids_words(sandbox: RunningSandbox) -> None:
    stranger = PlaidClient(sandbox.plaid_url, "dueport-sandbox", "not the secret")
    refusal = await stranger.refused("item_get", access_token="access-sandbox-x")
    stranger.close()
    assert (refusal["error_type"], refusal["error_code"]) == ("INVALID_INPUT", "INVALID_API_KEYS")


async def test_a_bank_refuses_wrong_credentials(plaid_api: PlaidClient) -> None:
    for password, code in (("wrong", "INVALID_CREDENTIALS"), ("error_ITEM_LOCKED", "ITEM_LOCKED")):
        refusal = await plaid_api.refused(
            "sandbox_public_token_create",
            institution_id="ins_109508",
            initial_products=["auth"],
            options={"override_username": "user_good", "override_password": password},
        )
        assert refusal["error_code"] == code
