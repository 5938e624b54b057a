"""The real plaid-python SDK against a sandbox, with every exchange judged on the way."""

import asyncio
import functools
import json
from typing import Any

import plaid
import urllib3
from plaid.api import plaid_api
from plaid.model_utils import validate_and_convert_types

from tests.patience import PATIENCE_S
from tests.sandbox.plaid.sdk_schema import SdkSchema


@functools.cache
def schema_of(model: type) -> SdkSchema:
    """Return the schema of one of the SDK's models."""
    return SdkSchema(model)


class Exchange:
    """One request and what was answered."""

    def __init__(self, path: str, request: Any, status: int, answer: Any) -> None:
        self.path = path
        self.request = request
        self.status = status
        self.answer = answer


class PlaidClient:
    """Calls by the SDK's own method names; what goes over the wire is kept in `exchanges`."""

    def __init__(self, host: str, client_id: str, secret: str) -> None:
        keys = {"clientId": client_id, "secret": secret}
        configuration = plaid.Configuration(host=host, api_key=keys)
        configuration.retries = urllib3.Retry(0)
        self._client = plaid.ApiClient(configuration)
        self._configuration = configuration
        self.api = plaid_api.PlaidApi(self._client)
        self.exchanges: list[Exchange] = []
        self._watch()

    async def __call__(self, method: str, **fields: Any) -> Any:
        """Call a method of the SDK with typed models and return its typed answer as a dict."""
        endpoint = getattr(self.api, f"{method}_endpoint")
        kinds = endpoint.openapi_types[f"{method}_request"]
        request = validate_and_convert_types(
            fields, kinds, ["request"], True, True, self._configuration
        )
        answer = await asyncio.to_thread(
            getattr(self.api, method), request, _request_timeout=PATIENCE_S
        )
        exchange = self.exchanges[-1]
        self._judge(kinds[0], exchange.request)
        self._judge(endpoint.settings["response_type"][0], exchange.answer)
        return answer.to_dict()

    async def refused(self, method: str, **fields: Any) -> dict[str, Any]:
        """Call a method that must be refused and return the error's body."""
        try:
            answer = await self(method, **fields)
        except plaid.ApiException as refusal:
            body: dict[str, Any] = json.loads(refusal.body)
            self._judge(plaid.model.plaid_error.PlaidError, body)
            assert body["request_id"]
            return body | {"status": refusal.status}
        raise AssertionError(f"{method} was not refused: {answer}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _judge(self, model: Any, instance: Any) -> None:
        problems = schema_of(model).problems(instance)
        assert problems == [], f"{model.__name__}: {problems} in {instance}"

    def _watch(self) -> None:
        send = self._client.rest_client.pool_manager.request

        def kept(method: str, url: str, **options: Any) -> Any:
            answer = send(method, url, **options)
            path = url.partition("/plaid")[2]
            content = json.loads(answer.data)
            sent = json.loads(options["body"])
            self.exchanges.append(Exchange(path, sent, answer.status, content))
            return answer

        self._client.rest_client.pool_manager.request = kept


def business_debit(access_token: str, account_id: str, amount: str, **more: Any) -> dict[str, Any]:
    """Return the fields of an authorization of a business account's debit."""
    return {
        "access_token": access_token,
        "account_id": account_id,
        "type": "debit",
        "network": "ach",
        "ach_class": "ccd",
        "amount": amount,
        "user": {"legal_name": "Cedar Ridge Builders LLC"},
        **more,
    }
