"""Quotes: what a customer was shown, kept word for word."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dueport_apps.storage.rows import insert_new
from dueport_apps.storage.tables.paying import quote as table
from dueport_core.errors import NotFound
from dueport_core.quotes import PaymentQuote


class SqlQuotes:
    """Quotes by id, for the account that they were made for."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, quote: PaymentQuote, instrument_id: str) -> None:
        """Insert; a quote is never changed."""
        await insert_new(
            self._connection,
            table,
            {
                "quote_id": quote.quote_id,
                "account_no": quote.account_no,
                "instrument_id": instrument_id,
                "expires_at": quote.expires_at,
                "quote": quote,
            },
            "This quote exists already.",
        )

    async def get(self, quote_id: str, account_no: str) -> tuple[PaymentQuote, str]:
        """Return the quote of this account and its instrument id; NotFound for anybody else's."""
        row = (
            await self._connection.execute(
                select(table.c.quote, table.c.instrument_id).where(
                    table.c.quote_id == quote_id, table.c.account_no == account_no
                )
            )
        ).one_or_none()
        if row is None:
            raise NotFound("There is no such preview; select what to pay again.")
        return row.quote, row.instrument_id
