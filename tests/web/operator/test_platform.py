"""Integration, plugins, the audit log and API keys."""

import csv
import datetime
import io
import re

from dueport_apps.usecases.invite_records import CampaignKind
from dueport_apps.usecases.records import OperatorRole, SyncRun
from dueport_apps.web.audit_words import ACTION_WORDS, action_words
from dueport_core.payments import PaymentState
from dueport_core.postings import PostingState
from dueport_core.settlements import SettlementState
from dueport_ports import Entity, RowGrade, RowProblem
from tests.web.operator.desk import Desk, sign_in
from tests.web.portal import PortalApp
from tests.world import World


async def run_with_problems(world: World, count: int) -> str:
    async with world.container.uow()() as uow:
        run = await uow.mirror.last_run()
        assert run is not None
        await uow.mirror.add_problems(
            run.run_id,
            Entity.DOCUMENTS,
            [
                RowProblem(
                    grade=RowGrade.REFUSED,
                    source="invoices.csv",
                    line=number + 2,
                    column="Due Date",
                    value="=HYPERLINK(1)" if number == 0 else "31/02/2026",
                    reason="There is no such day; correct the date.",
                )
                for number in range(count)
            ],
        )
        await uow.commit()
    return run.run_id


async def test_integration_names_the_plugin_its_abilities_and_its_last_run(admin: Desk) -> None:
    await admin.browser.get("/operator/integration")
    text = admin.browser.text
    assert "fake_erp" in text
    assert "Reads accounts" in text
    assert "Done" in text
    assert "fake_processor" in text


async def test_a_failed_run_is_told_with_its_reason(admin: Desk, world: World) -> None:
    world.erp.faults.unavailable = True
    await admin.browser.get("/operator/integration")
    await admin.browser.submit("/operator/integration/sync")
    assert admin.browser.notices[0].startswith("The ERP will be read in a moment.")
    await world.run_jobs()
    await admin.browser.get("/operator/integration")
    assert "The last run failed." in admin.browser.notices[0]


async def test_sync_now_is_refused_while_a_run_is_under_way(admin: Desk, world: World) -> None:
    run = SyncRun(
        run_id=world.container.ids().new(), source="fake_erp", started_at=world.clock.now()
    )
    async with world.container.uow()() as uow:
        await uow.mirror.start_run(run)
        await uow.commit()
    await admin.browser.get("/operator/integration")
    await admin.browser.submit("/operator/integration/sync")
    assert admin.browser.notices == ["The ERP is being read right now; wait for that run to end."]
    assert "sync_erp" not in {job.kind for job in world.queue.waiting}


async def test_the_problems_of_a_run_are_listed_by_line_and_can_be_saved(
    admin: Desk, world: World
) -> None:
    run_id = await run_with_problems(world, 130)
    page = (await admin.browser.get(f"/operator/integration/runs/{run_id}")).text
    more = re.search(r'hx-get="([^"]+part=rows)"', page)
    assert more is not None
    rest = (await admin.browser.client.get(more[1].replace("&amp;", "&"))).text
    assert page.count("There is no such day") + rest.count("There is no such day") == 130

    saved = await admin.browser.get(f"/operator/integration/runs/{run_id}/problems.csv")
    rows = list(csv.reader(io.StringIO(saved.content.decode("utf-8-sig"))))
    assert len(rows) == 131
    assert rows[1][3] == "2"
    assert rows[1][5] == "'=HYPERLINK(1)"


async def test_an_unknown_run_is_not_found(admin: Desk) -> None:
    assert (await admin.browser.get("/operator/integration/runs/X")).status_code == 404
    assert (await admin.browser.get("/operator/integration/runs/X/problems.csv")).status_code == 404


async def test_plugins_are_listed_with_why_they_are_off(admin: Desk) -> None:
    await admin.browser.get("/operator/plugins")
    assert "fake_erp Off it is not installed" in admin.browser.text
    assert "invite_link On" in admin.browser.text


async def test_the_audit_log_is_filtered_and_verified(admin: Desk) -> None:
    await admin.send(await admin.draft("1001"))
    page = await admin.browser.get("/operator/audit?subject=account:1001")
    assert "campaign.invite" in page.text
    assert "Invitations sent" in admin.browser.text
    assert "sign_in.done" not in page.text
    await admin.browser.submit("/operator/audit/verify")
    assert admin.browser.notices == ["The chain is intact: no entry was changed or removed."]


async def test_a_key_is_shown_once_works_and_stops_working(
    app: PortalApp, admin: Desk, world: World
) -> None:
    await admin.browser.get("/operator/api-keys")
    shown = await admin.browser.post(
        "/operator/api-keys", {"name": "Month-end export", "permissions": "view"}
    )
    found = re.search(r"dueport_[A-Za-z0-9_-]{43}", shown.text)
    assert found is not None
    program = app.browser().client
    program.headers["authorization"] = f"Bearer {found[0]}"
    assert (await program.get("/api/v1/accounts")).status_code == 200

    listed = await admin.browser.get("/operator/api-keys")
    assert found[0] not in listed.text
    async with world.container.uow()() as uow:
        keys = await uow.api_keys.all()
    await admin.browser.submit(f"/operator/api-keys/{keys[0].key_id}/revoke")
    assert admin.browser.notices == ["The key is revoked."]
    assert (await program.get("/api/v1/accounts")).status_code == 401
    await program.aclose()


async def test_a_key_without_name_or_permission_is_refused_by_field(admin: Desk) -> None:
    await admin.browser.get("/operator/api-keys")
    response = await admin.browser.post("/operator/api-keys", {"name": ""})
    assert response.status_code == 422
    assert "Choose at least one." in admin.browser.text


async def test_a_code_is_asked_for_once_the_form_is_whole_and_loses_nothing(
    admin: Desk, world: World
) -> None:
    await admin.browser.get("/operator/api-keys")
    world.clock.advance(datetime.timedelta(minutes=6))
    refused = await admin.browser.post("/operator/api-keys", {"name": "", "permissions": "view"})
    assert refused.status_code == 422, "no code is wanted for a form that is not whole"
    filled = {"name": "Month-end export", "permissions": ["view", "sync"]}
    asked = await admin.browser.post("/operator/api-keys", filled)
    await admin.browser.get(asked.headers["location"])
    assert "A program that has an API key acts without you" in admin.browser.text
    assert "Posting" not in admin.browser.text
    back = await admin.browser.post(
        "/operator/confirm", {"code": admin.code(), "next": "/operator/api-keys"}
    )
    await admin.browser.get(back.headers["location"])
    assert "you can issue and revoke API keys" in admin.browser.notices[0]
    assert 'value="Month-end export"' in admin.browser.page
    ticked = re.findall(r'name="permissions" value="(\w+)" checked', admin.browser.page)
    assert sorted(ticked) == ["sync", "view"]
    shown = await admin.browser.post("/operator/api-keys", filled)
    assert "is shown now and never again" in shown.text
    await admin.browser.get("/operator/api-keys")
    assert 'value="Month-end export"' not in admin.browser.page


async def test_the_keys_page_leads_to_the_description_of_the_api(admin: Desk) -> None:
    page = (await admin.browser.get("/operator/api-keys")).text
    assert 'href="/api/v1/openapi.json"' in page
    described = await admin.browser.client.get("/api/v1/openapi.json")
    assert described.json()["openapi"].startswith("3.")


def test_every_state_that_the_audit_log_names_has_words() -> None:
    actions = [f"posting.{state.value}" for state in PostingState]
    actions += [f"settlement.{state.value}" for state in SettlementState]
    actions += [f"campaign.{kind.value}" for kind in CampaignKind]
    actions += [f"payment.{state.value}" for state in PaymentState if state != "created"]
    assert [action for action in actions if action not in ACTION_WORDS] == []
    assert action_words("vault.door_opened") == "Vault: door opened"


async def test_only_administrators_reach_the_keys(app: PortalApp) -> None:
    clerk = await sign_in(app, OperatorRole.AR, "omar@cedaryard.example")
    assert (await clerk.browser.get("/operator/api-keys")).status_code == 403
    integration = await clerk.browser.get("/operator/integration")
    assert "/operator/api-keys" not in integration.text
