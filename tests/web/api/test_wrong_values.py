"""A wrong value is refused by the name that was sent, with the values that are taken."""

from typing import Any

import pytest

from tests.web.api.programs import Program, problem

QUERIES = [
    (
        "invitations?state=pendng",
        "state",
        "“pendng” is none of the choices; send accepted, declined, expired, pending or revoked, or "
        "leave it out.",
    ),
    ("invitations?pending_over_days=0", "pending_over_days", "Send a whole number from 1 to 366."),
    ("invitations?asked=perhaps", "asked", "Send true or false."),
    ("accounts?limit=900", "limit", "Send a whole number from 1 to 200."),
    ("accounts?sort=shoe_size", "sort", "weighted_days"),
    ("payments?from_on=tomorrow", "from_on", "Send a day such as "),
    (f"invitations?q={'x' * 300}", "q", "Send a text of at most 200 characters."),
    ("campaigns/9/mails?state=gone", "state", "“gone” is none of the choices; send queued, "),
]
BODIES: list[tuple[Any, str, str]] = [
    (
        {"account_no": "1001", "delivery": "sms"},
        "delivery",
        "“sms” is none of the choices; send credentials or link.",
    ),
    ({"account_no": "1001", "to": "x"}, "to", "There is no such field. Known are kind, "),
    ({"matching": {"zip": "1"}}, "matching.zip", "There is no such field. Known are q, "),
    (
        {"matching": {"invitation": "never"}},
        "matching.invitation",
        "“never” is none of the choices",
    ),
    ({"account_nos": ["1001", 7]}, "account_nos[1]", "Send a text of 1 to 64 characters."),
    ({"account_nos": "1001"}, "account_nos", "Send a list with at most 50,000 entries."),
    ({"all": "yes"}, "all", "Send true or false."),
    ({"account_no": "1001", "delivery": "x" * 100}, "delivery", "Send credentials or link."),
    ([1], "body", "Send an object with the fields kind, "),
]


@pytest.mark.parametrize(("path", "name", "words"), QUERIES)
async def test_a_wrong_parameter_is_named_with_what_is_taken(
    viewer: Program, path: str, name: str, words: str
) -> None:
    response = await viewer.get(path)
    assert (response.status_code, problem(response)) == (400, "bad-request")
    assert words in response.json()["errors"][name]
    assert response.json()["detail"].startswith(f"{name}: ")


@pytest.mark.parametrize(("body", "name", "words"), BODIES)
async def test_a_wrong_field_is_named_with_what_is_taken(
    program: Program, body: Any, name: str, words: str
) -> None:
    response = await program.post("invitations", body, "key-00000001")
    assert (response.status_code, problem(response)) == (400, "bad-request")
    assert words in response.json()["errors"][name]
    assert response.json()["detail"].startswith(f"{name}: ")


async def test_several_wrong_parameters_are_all_told(viewer: Program) -> None:
    told = (await viewer.get("invitations?state=gone&limit=0")).json()
    assert set(told["errors"]) == {"state", "limit"}
    assert all(f"{name}: " in told["detail"] for name in told["errors"])


async def test_a_missing_field_is_named(program: Program) -> None:
    told = (await program.post("invitations/nudge", {})).json()
    assert told["errors"] == {
        "pending_over_days": "This field is required: send a whole number from 1 to 366."
    }


async def test_a_body_that_is_no_json_is_refused_by_where_it_ends_to_be(program: Program) -> None:
    response = await program.post_raw("invitations/nudge", b"{no", "application/json")
    assert 400 <= response.status_code < 500
    assert "The body cannot be read: JSON is malformed" in response.json()["detail"]
