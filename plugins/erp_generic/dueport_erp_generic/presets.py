"""The posting layouts that ship with the connector."""

from typing import Final

from dueport_erp_generic.templates import PostingColumn, PostingFile

_SAFE_TEXT: Final = r"[^\",\r\n]*"
# Our own names of ledger accounts have no digit: one that is not mapped is refused.
_GL_ACCOUNT: Final = r"(?=.*[0-9])[A-Za-z0-9.-]{1,20}"
_AMOUNT: Final = r"\d{1,9}\.\d{2}"


def _columns(*names: str) -> tuple[PostingColumn, ...]:
    return tuple(PostingColumn(field=name) for name in names)


PLAIN: Final = (
    PostingFile(
        name="payments_{settlement}_{category}_{batch}.csv",
        rows="application",
        formulas=False,
        columns=_columns(
            "settlement_ref", "deposit_on", "category", "receipt_key", "account_no", "job_no",
            "check_no", "method", "processor_ref", "received_on", "document_ref", "amount",
            "discount", "currency",
        ),
    ),
    PostingFile(
        name="credits_{settlement}_{category}_{batch}.csv",
        rows="credit",
        formulas=False,
        columns=_columns(
            "settlement_ref", "receipt_key", "account_no", "job_no", "action", "document_ref",
            "amount", "against", "received_on",
        ),
    ),
    PostingFile(
        name="gl_{settlement}_{category}_{batch}.csv",
        rows="journal",
        formulas=False,
        columns=_columns(
            "occurred_on", "account", "reference", "description", "debit", "credit", "source"
        ),
    ),
)  # fmt: skip

SPRUCE_F2: Final = (
    PostingFile(
        name="payments_{settlement}_{category}_{batch}.csv",
        rows="application",
        header=False,
        quotes=False,
        zero_rows=False,
        columns=(
            PostingColumn(field="account_no", header="Customer", pattern=r"[A-Za-z0-9._-]{1,20}"),
            PostingColumn(field="job_no", header="JobID", pattern=r"[A-Za-z0-9._-]{1,20}"),
            PostingColumn(field="check_no", header="CheckNum", pattern=r"[A-Za-z0-9]{1,15}"),
            PostingColumn(field="amount", header="CheckAmount", pattern=_AMOUNT),
            PostingColumn(
                field="document_ref", header="Apply DocId", pattern=r"[A-Za-z0-9._-]{1,30}"
            ),
        ),
    ),
    PostingFile(
        name="credit_worklist_{settlement}_{category}_{batch}.csv",
        rows="credit",
        formulas=False,
        columns=_columns("account_no", "job_no", "action", "document_ref", "amount", "against"),
    ),
    PostingFile(
        name="gl_{settlement}_{category}_{batch}.csv",
        rows="journal",
        header=False,
        quotes=False,
        columns=(
            PostingColumn(field="account", header="Account", pattern=_GL_ACCOUNT),
            PostingColumn(field="reference", header="Reference", pattern=_SAFE_TEXT),
            PostingColumn(field="description", header="Description", pattern=_SAFE_TEXT),
            PostingColumn(field="debit", header="Debit", pattern=rf"(?:{_AMOUNT})?"),
            PostingColumn(field="credit", header="Credit", pattern=rf"(?:{_AMOUNT})?"),
        ),
    ),
)

PRESETS: Final = {"plain": PLAIN, "spruce_f2": SPRUCE_F2}
