"""What a program with a key can do, and what it cannot."""

from typing import get_args

import msgspec

from dueport_apps.usecases.invite_records import Selection
from dueport_apps.usecases.policies import Policies
from dueport_apps.web.api.examples import EXAMPLES
from dueport_apps.web.api.invitations import StateChoice
from dueport_apps.web.api.invite_orders import order_of
from dueport_apps.web.api.invite_shapes import (
    AccessBody,
    AddressBody,
    InvitationChoice,
    InviteBody,
    MailTestBody,
    NudgeBody,
    PreviewOrderBody,
    ResendBody,
)
from dueport_apps.web.api.openapi import schema
from dueport_apps.web.api.operator import StatusWord
from dueport_apps.web.app import create_litestar
from dueport_apps.web.payment_status import STATUS_CHOICES
from dueport_core.invitations import InvitationState
from tests.web.api.programs import Program, problem
from tests.web.portal import PortalApp
from tests.world import PROCESSOR, World


async def settlement_of(world: World) -> str:
    who = await world.customer("1001")
    await world.pay(who, "INV-1", "CR-1")
    world.processor.pay_out()
    await world.container.import_settlements()(PROCESSOR)
    async with world.container.uow()() as uow:
        rows, _ = await uow.settlements.rows(None, 1)
    return rows[0].settlement.settlement_id


def test_the_words_of_the_api_are_those_of_the_pages() -> None:
    assert set(get_args(StatusWord)) == set(STATUS_CHOICES)
    badges = set(InvitationState) - {InvitationState.REVOKED}
    assert set(get_args(InvitationChoice)) == {"", "none", *badges}
    assert set(get_args(StateChoice)) == {"", *InvitationState}


async def test_without_a_key_there_is_nothing(app: PortalApp) -> None:
    browser = app.browser()
    response = await browser.client.get("/api/v1/accounts")
    assert response.status_code == 401
    assert problem(response) == "unauthenticated"
    wrong = await browser.client.get(
        "/api/v1/accounts", headers={"authorization": "Bearer dueport_wrong"}
    )
    assert wrong.status_code == 401


async def test_a_revoked_key_is_refused_at_once(program: Program, world: World) -> None:
    async with world.container.uow()() as uow:
        keys = await uow.api_keys.all()
    await world.container.revoke_api_key()(keys[0].key_id, world.staff)
    assert (await program.get("accounts")).status_code == 401


async def test_accounts_come_in_pages_with_amounts_in_cents(viewer: Program) -> None:
    first = (await viewer.get("accounts?limit=2&sort=account_no&descending=false")).json()
    rest = (
        await viewer.get(f"accounts?limit=2&sort=account_no&descending=false&after={first['next']}")
    ).json()
    numbers = [account["account_no"] for account in first["items"] + rest["items"]]
    assert numbers == ["1001", "1002", "1003"]
    assert rest["next"] is None
    assert first["items"][0]["figures"]["outstanding_cents"] == 65_475


async def test_limits_and_choices_are_enforced(viewer: Program) -> None:
    for query in (
        "limit=0",
        "limit=201",
        "limit=x",
        "sort=profit",
        "invitation=maybe",
        "after=abc",
    ):
        response = await viewer.get(f"accounts?{query}")
        assert response.status_code in (400, 422), query
        assert problem(response) in ("bad-request", "invalid"), query


async def test_an_invitation_by_the_api_is_the_pages_invitation(
    program: Program, world: World
) -> None:
    sent = await program.post("invitations", {"account_no": "1001"}, "key-00000001")
    again = await program.post("invitations", {"account_no": "1001"}, "key-00000001")
    other = await program.post("invitations", {"account_no": "1001"}, "key-00000002")
    await world.run_jobs()

    assert sent.status_code == 201
    assert again.json() == sent.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 409
    assert "was already invited" in other.json()["detail"]
    assert len(world.mail.to("ap@harbor.example")) == 1


async def test_inviting_wants_an_idempotency_key_and_known_fields(program: Program) -> None:
    assert problem(await program.post("invitations", {"account_no": "1001"})) == "invalid"
    unknown = await program.post(
        "invitations", {"account_no": "1001", "email": "x@evil.example"}, "key-00000001"
    )
    assert unknown.status_code == 400
    assert "email" in unknown.text


async def test_a_customer_without_address_is_a_named_refusal(program: Program) -> None:
    response = await program.post("invitations", {"account_no": "1003"}, "key-00000003")
    assert response.status_code == 422
    assert "fix it in the ERP" in response.json()["detail"]


async def test_a_key_does_only_what_it_was_given(viewer: Program, world: World) -> None:
    settlement_id = await settlement_of(world)
    answers = [
        await viewer.post("invitations", {"account_no": "1001"}, "key-00000004"),
        await viewer.post("sync"),
        await viewer.post(f"settlements/{settlement_id}/post"),
        await viewer.post(f"settlements/{settlement_id}/resolve"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert world.erp.posted == {}
    assert world.mail.sent == []


async def test_a_payment_is_listed_and_shown_with_lines_that_add_up(
    viewer: Program, world: World
) -> None:
    who = await world.customer("1001")
    payment = await world.pay(who, "INV-1", "CR-1")
    listed = (await viewer.get("payments?status=settled")).json()["items"]
    shown = (await viewer.get(f"payments/{payment.payment_id}")).json()

    assert [one["payment_id"] for one in listed] == [payment.payment_id]
    assert (await viewer.get("payments?status=posted")).json()["items"] == []
    assert sum(line["money_cents"] for line in shown["lines"]) == 29_975
    assert shown["payment"]["total_cents"] == 29_975
    assert [event["kind"] for event in shown["events"]] == ["created", "settled"]


async def test_a_settlement_is_posted_and_resolved_once(program: Program, world: World) -> None:
    settlement_id = await settlement_of(world)
    early = await program.post(f"settlements/{settlement_id}/resolve")
    posted = await program.post(f"settlements/{settlement_id}/post")
    again = await program.post(f"settlements/{settlement_id}/post")
    resolved = await program.post(f"settlements/{settlement_id}/resolve")

    assert early.status_code == 409
    assert posted.json()["settlement"]["state"] == "posted"
    assert again.status_code == 200
    assert resolved.json()["settlement"]["state"] == "resolved"
    assert set(world.erp.posted.values()) == {1}
    proof = posted.json()["proof"]
    assert proof["payments_cents"] - proof["fees_cents"] == proof["payout_cents"]
    assert {one["posted_by"] for one in posted.json()["postings"]} != {""}


async def test_sync_is_asked_for_once_and_its_runs_are_listed(
    program: Program, world: World
) -> None:
    asked = await program.post("sync")
    await program.post("sync")
    assert asked.status_code == 202
    assert [job.kind for job in world.queue.waiting].count("sync_erp") == 1
    await world.run_jobs()
    runs = (await program.get("sync")).json()
    assert [run["state"] for run in runs] == ["done", "done"]
    assert runs[-1]["counts"]["accounts"]["inserted"] == 3


async def test_the_audit_log_is_paged_and_names_the_key(program: Program) -> None:
    await program.post("invitations", {"account_no": "1001"}, "key-00000005")
    page = (await program.get("audit?limit=1")).json()
    following = (await program.get(f"audit?limit=1&after={page['next']}")).json()
    assert page["items"][0]["action"] == "campaign.invite"
    assert page["items"][0]["actor_kind"] == "api_key"
    assert following["items"][0]["number"] == page["items"][0]["number"] - 1
    about = (await program.get("audit?subject=account:1001")).json()["items"]
    assert [one["action"] for one in about] == ["campaign.invite"]


async def test_plugins_say_why_they_are_off(viewer: Program) -> None:
    plugins = {one["name"]: one for one in (await viewer.get("plugins")).json()}
    assert plugins["fake_erp"]["is_on"] is False
    assert plugins["fake_erp"]["off_reason"] == "it is not installed"
    assert plugins["fake_erp"]["title"] == "fake_erp"


async def test_what_does_not_exist_is_not_found(program: Program) -> None:
    for path in ("accounts/9", "payments/9", "settlements/9", "nothing"):
        response = await program.get(path)
        assert response.status_code == 404, path
        assert problem(response) == "not-found"


async def test_a_body_of_brackets_breaks_nothing(program: Program) -> None:
    response = await program.client.post(
        "/api/v1/invitations",
        content=b"[" * 100_000,
        headers={"content-type": "application/json", "idempotency-key": "key-00000006"},
    )
    assert response.status_code == 400


async def test_the_description_is_open_and_complete(app: PortalApp, world: World) -> None:
    response = await app.browser().client.get("/api/v1/openapi.json")
    described = response.json()
    assert described["openapi"].startswith("3.1")
    routes = {
        route.path.replace(":str", "")
        for route in create_litestar(world.container).routes
        if route.path.startswith("/api/v1/") and not route.path.endswith("openapi.json")
    }
    assert set(described["paths"]) == routes
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            assert "application/problem+json" in operation["responses"]["default"]["content"]
    schemas = described["components"]["schemas"]
    assert schemas["InviteBody"]["additionalProperties"] is False
    assert schemas["MailTestBody"]["additionalProperties"] is False
    assert "urn:dueport:problem:conflict" in schemas["Problem"]["properties"]["type"]["enum"]


def test_the_description_says_which_values_are_allowed() -> None:
    described = schema()
    bodies = described["components"]["schemas"]

    def choices(body: str, field: str) -> set[str]:
        found = bodies[body]["properties"][field]
        kinds = [found, *found.get("oneOf", [])]
        named = [bodies[kind["$ref"].rpartition("/")[2]] for kind in kinds if "$ref" in kind]
        return {one for kind in (*kinds, *named) for one in kind.get("enum", []) if one}

    assert choices("InvitationBody", "delivery") == choices("InviteBody", "delivery")
    assert choices("InvitationBody", "second_check") == choices("InviteBody", "second_check")
    assert choices("CampaignBody", "send_to") == {*choices("InviteBody", "send_to"), "customer"}
    assert choices("AccountBody", "invitation") == {"pending", "accepted", "declined", "expired"}
    for body, field in (
        ("AccountBody", "status"),
        ("PaymentBody", "badge"),
        ("StepBody", "kind"),
        ("CannotBody", "kind"),
        ("AlreadyBody", "kind"),
        ("LoginBody", "role"),
        ("SyncRunBody", "state"),
    ):
        assert len(choices(body, field)) > 1, (body, field)


def test_the_examples_of_the_description_are_bodies_that_are_taken() -> None:
    bodies: dict[str, type] = {
        "invitations/rehearsal": InviteBody,
        "invitations": InviteBody,
        "invitations/preview": PreviewOrderBody,
        "invitations/test": MailTestBody,
        "invitations/nudge": NudgeBody,
        "invitations/{invitation_id}/resend": ResendBody,
        "accounts/{account_no}/access/disable": AccessBody,
        "accounts/{account_no}/access/restore": AccessBody,
        "bounces/clear": AddressBody,
    }
    paths = schema()["paths"]
    assert set(EXAMPLES) == set(bodies)
    for path, examples in EXAMPLES.items():
        for example in examples.values():
            body: object = msgspec.convert(example, bodies[path])
            if isinstance(body, InviteBody):
                assert order_of(body, Policies()).selection != Selection()
        shown = paths[f"/api/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]
        assert set(shown["examples"]) == set(examples)
