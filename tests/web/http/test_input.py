"""Forms, card numbers and repeated calls: what comes in."""

import asyncio
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest
from litestar.datastructures import FormMultiDict

from dueport_apps.web.http.card_numbers import holds_card_number
from dueport_apps.web.http.forms import Dollars, FormErrors, bind
from dueport_apps.web.http.settings import Portal
from dueport_apps.web.http.tokens import hash_token
from tests.web.http.app import Web, signed_in


class Method(StrEnum):
    CARD = "card"
    ACH = "ach"


class PayForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document_refs: list[str]
    method: Method
    pay_on: date | None = None
    amount_cents: Dollars | None = None
    memo: Annotated[str, msgspec.Meta(max_length=10)] = ""
    save: bool = False
    tries: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


def form(*fields: tuple[str, Any]) -> FormMultiDict:
    return FormMultiDict(list(fields))


def test_one_ticked_box_is_a_list_of_one() -> None:
    bound = bind(form(("document_refs", "INV-1"), ("method", "ach")), PayForm)
    assert bound == PayForm(document_refs=["INV-1"], method=Method.ACH)


def test_every_kind_of_field_is_understood() -> None:
    bound = bind(
        form(
            ("_csrf", "token"),
            ("document_refs", "INV-1"),
            ("document_refs", "INV-2"),
            ("method", "card"),
            ("pay_on", "2026-12-01"),
            ("amount_cents", "$1,234.5"),
            ("memo", ""),
            ("save", "on"),
            ("tries", "2"),
        ),
        PayForm,
    )
    assert bound == PayForm(
        document_refs=["INV-1", "INV-2"],
        method=Method.CARD,
        pay_on=date(2026, 12, 1),
        amount_cents=123_450,
        save=True,
        tries=2,
    )


def test_an_empty_optional_date_counts_as_absent() -> None:
    bound = bind(form(("document_refs", "1"), ("method", "ach"), ("pay_on", "")), PayForm)
    assert bound.pay_on is None


def test_every_wrong_field_is_named_at_once_in_words_for_people() -> None:
    with pytest.raises(FormErrors) as refused:
        bind(
            form(
                ("method", "cheque"),
                ("pay_on", "tomorrow"),
                ("amount_cents", "12.345"),
                ("memo", "much too long a memo"),
                ("tries", "9"),
                ("discount_cents", "100"),
            ),
            PayForm,
        )
    assert refused.value.fields == {
        "document_refs": "Choose at least one.",
        "method": "Choose one of the options.",
        "pay_on": "Write a date such as 2026-01-31.",
        "amount_cents": "'12.345' is not an amount; write it like 1234.56.",
        "memo": "Use at most 10 characters.",
        "tries": "Must be 3 or less.",
        "discount_cents": "This form has no such field.",
    }
    assert refused.value.values["memo"] == "much too long a memo"


@pytest.mark.parametrize("amount", ["1e2", "NaN", "-", "1,23", "10^26", "12,345,67"])
def test_an_amount_that_is_not_plainly_written_is_refused(amount: str) -> None:
    with pytest.raises(FormErrors) as refused:
        bind(form(("document_refs", "1"), ("method", "ach"), ("amount_cents", amount)), PayForm)
    assert set(refused.value.fields) == {"amount_cents"}


def test_a_single_field_given_twice_is_refused() -> None:
    with pytest.raises(FormErrors) as refused:
        bind(form(("document_refs", "1"), ("method", "ach"), ("method", "card")), PayForm)
    assert refused.value.fields == {"method": "Give this field only once."}


def test_a_password_is_never_given_back_for_the_form() -> None:
    class SignIn(msgspec.Struct, frozen=True):
        email: str
        password: str
        again: int

    with pytest.raises(FormErrors) as refused:
        bind(form(("email", "a@b.example"), ("password", "hunter2"), ("again", "x")), SignIn)
    assert refused.value.values == {"email": "a@b.example", "again": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "card: 378282246310005, exp 12/29",
        "inv 12 5555 5555 5555 4444 thanks",
        "６０１１１１１１１１１１１１１７",
        "3056 930902 5904",
    ],
)
def test_card_numbers_are_recognised_however_they_are_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "INV-204418 and INV-203977",
        "0000000000000000",
        "(512) 555-0142 or 512-555-0188",
        "2026-11-22 13:05:10",
        "424242424242",
        "42424242424242424242",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not holds_card_number(text)


async def test_a_card_number_in_a_note_is_refused_and_never_kept() -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post("/notes", data={"_csrf": token, "memo": "4242 4242 4242 4242"})
    assert answer.status_code == 422
    assert "card number" in answer.text
    assert "4242" not in answer.text
    call = {"x-csrf-token": token, "idempotency-key": "with-a-card-1"}
    for body in ({"memo": "4242424242424242"}, {"deep": [{"n": 4242424242424242}]}):
        answer = await browser.post("/api/v1/notes", json=body, headers=call)
        assert answer.status_code == 422
    assert web.notes == []


async def test_a_long_document_number_is_no_card_number() -> None:
    web = Web()
    browser, token = await signed_in(web)
    answer = await browser.post(
        "/notes", data={"_csrf": token, "memo": "ok", "document_refs": "4242424242424242"}
    )
    assert answer.status_code == 201


async def test_a_repeated_call_gets_the_first_answer_and_has_one_effect() -> None:
    web = Web()
    browser, token = await signed_in(web)
    call = {"x-csrf-token": token, "idempotency-key": "pay-basket-7"}
    answers = [
        await browser.post("/api/v1/notes", json={"memo": "x"}, headers=call) for _ in range(3)
    ]
    assert [answer.json() for answer in answers] == [{"count": 1}] * 3
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [
        None,
        "true",
        "true",
    ]
    assert web.notes == ["x"]


async def test_twenty_clicks_at_once_have_one_effect() -> None:
    web = Web()
    browser, token = await signed_in(web)
    fields = {"_csrf": token, "_idempotency_key": "double-click-1", "memo": "x"}
    answers = await asyncio.gather(*(browser.post("/notes", data=fields) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert web.notes == ["x"]


async def test_a_key_used_again_for_something_else_is_refused() -> None:
    web = Web()
    browser, token = await signed_in(web)
    call = {"x-csrf-token": token, "idempotency-key": "pay-basket-8"}
    await browser.post("/api/v1/notes", json={"memo": "x"}, headers=call)
    answer = await browser.post("/api/v1/notes", json={"memo": "y"}, headers=call)
    assert answer.status_code == 409
    assert web.notes == ["x"]


async def test_a_call_that_needs_a_key_says_so() -> None:
    web = Web()
    browser, token = await signed_in(web)
    headers = {"x-csrf-token": token}
    answer = await browser.post("/api/v1/notes", json={"memo": "x"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"idempotency-key": "Missing."}


async def test_a_refused_form_may_be_corrected_under_its_key() -> None:
    web = Web()
    browser, token = await signed_in(web)
    fields = {"_csrf": token, "_idempotency_key": "with-mistake-1", "memo": "m" * 300}
    first = await browser.post("/notes", data=fields)
    again = await browser.post("/notes", data=fields | {"memo": "fine"})
    assert (first.status_code, again.status_code) == (422, 201)
    assert web.notes == ["fine"]


async def test_two_people_may_use_the_same_key() -> None:
    web = Web()
    (anna, token), call = await signed_in(web), {"idempotency-key": "same-key-for-two"}
    first = await anna.post(
        "/api/v1/notes", json={"memo": "a"}, headers=call | {"x-csrf-token": token}
    )
    ben = msgspec.structs.replace(
        web.principals.people[(Portal.CUSTOMER, "user-anna")], user_id="ben"
    )
    web.principals.keys[hash_token("bens-key")] = ben
    async with web.browser() as client:
        second = await client.post(
            "/api/v1/notes", json={"memo": "b"}, headers=call | {"authorization": "Bearer bens-key"}
        )
    assert (first.json(), second.json()) == ({"count": 1}, {"count": 2})
