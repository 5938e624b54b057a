"""The fields that a mapping may fill, and the headers by which each is found unasked.

A header is compared by its letters and digits alone, so ``Invoice No.`` is ``invoiceno`` here. The
order of a field's synonyms is the order of preference.
"""

from typing import Final

ACCOUNT_NO: Final = (
    "accountno", "accountnumber", "accountid", "account", "acct", "acctno", "customerno",
    "customernumber", "custnumber", "custno", "customerid", "custid", "customercode", "customer",
    "clientid", "clientno", "debtor",
)  # fmt: skip
JOB_NO: Final = (
    "jobno", "jobnumber", "jobid", "job", "contractid", "projectid", "project", "shipto",
    "shiptono", "shiptoid",
)  # fmt: skip

ACCOUNTS: Final[dict[str, tuple[str, ...]]] = {
    "account_no": ACCOUNT_NO,
    "name": (
        "name", "accountname", "customername", "custname", "clientname", "companyname", "company",
        "businessname",
    ),
    "kind": ("kind", "accounttype", "accountkind"),
    "status": ("status", "accountstatus"),
    "posting_model": ("postingmodel", "accounttypecode", "arpostingmodel"),
    "billing_level": ("billinglevel",),
    "ship_to_zip": ("shiptozip", "shipzip", "zip", "zipcode", "postalcode"),
    "terms_text": ("termstext", "terms", "paymentterms", "termscode"),
    "credit_limit": ("creditlimit",),
    "address": ("address", "billingaddress", "address1"),
    "billing_state": ("billingstate", "state"),
    "branch": ("branch", "branchid", "location"),
    "contact_name": ("contactname", "contact"),
    "email": ("email", "emailaddress", "contactemail", "billingemail", "aremail"),
    "phone": ("phone", "phonenumber", "telephone", "contactphone"),
    "contact_role": ("contactrole", "role"),
}  # fmt: skip

CONTACTS: Final[dict[str, tuple[str, ...]]] = {
    "account_no": ACCOUNT_NO,
    "contact_name": ("name", "contactname", "contact", "fullname"),
    "email": ("email", "emailaddress", "contactemail"),
    "phone": ("phone", "phonenumber", "telephone", "mobile"),
    "contact_role": ("role", "contactrole", "title"),
    "is_primary": ("isprimary", "primary", "primarycontact", "default"),
}

JOBS: Final[dict[str, tuple[str, ...]]] = {
    "account_no": ACCOUNT_NO,
    "job_no": JOB_NO,
    "name": ("name", "jobname", "projectname", "description"),
    "status": ("status", "jobstatus"),
}

DOCUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "document_ref": (
        "documentref", "documentid", "documentno", "documentnumber", "docid", "docno", "invoice",
        "invoiceno", "invoiceid", "invoicenumber", "adjustmentid", "transactionid",
    ),
    "account_no": ACCOUNT_NO,
    "job_no": JOB_NO,
    "kind": ("kind", "documenttype", "doctype", "documentkind"),
    "issued_on": (
        "issuedon", "invoicedate", "issuedate", "documentdate", "docdate", "postingdate",
        "transactiondate", "date",
    ),
    "due_on": ("dueon", "duedate", "due", "dueindate", "datedue"),
    "posted_on": ("postedon", "posteddate"),
    "amount": (
        "amount", "invoiceamount", "originalamount", "documentamount", "total", "totalamount",
        "invoicetotal",
    ),
    "open_amount": (
        "openamount", "balance", "openbalance", "totalopenamount", "outstanding",
        "outstandingamount", "balancedue", "amountdue", "remaining", "open",
    ),
    "paid_amount": ("paidamount", "amountpaid", "paid", "arpaid", "paidtodate"),
    "reference": ("reference", "ref", "referenceno", "description", "memo"),
    "po_number": ("ponumber", "pono", "po", "purchaseorder", "customerpo"),
    "statement_ref": ("statementref", "statementid", "statementno"),
    "discount_eligible": ("discounteligible", "eligiblefordiscount"),
    "released": ("released", "sent"),
    "currency": ("currency", "currencycode"),
    "terms_text": ("termstext", "terms", "paymentterms"),
}  # fmt: skip

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    "statement_ref": ("statementref", "statementid", "statementno", "statementnumber"),
    "account_no": ACCOUNT_NO,
    "job_no": JOB_NO,
    "statement_on": ("statementon", "statementdate", "date"),
    "cutoff_on": ("cutoffon", "cutoffdate", "closingdate", "cutoff", "periodend"),
    "due_on": ("dueon", "duedate", "due"),
    "balance": ("balance", "statementbalance", "closingbalance", "amount", "total"),
    "discount_on": ("discounton", "discountlastday", "discountdate"),
    "discount_percent": ("discountpercent", "discountrate"),
    "discount_amount": ("discountamount", "discount"),
    "document_refs": ("documentrefs", "documentids", "documents", "invoices"),
    "is_current": ("iscurrent", "current"),
}

OF_ENTITY: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "accounts": ACCOUNTS,
    "contacts": CONTACTS,
    "jobs": JOBS,
    "documents": DOCUMENTS,
    "statements": STATEMENTS,
}

REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "accounts": ("account_no",),
    "contacts": ("account_no",),
    "jobs": ("account_no", "job_no"),
    "documents": ("document_ref", "account_no", "issued_on"),
    "statements": ("statement_ref", "account_no", "statement_on", "balance"),
}

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "accounts": ("account_no",),
    "contacts": (),
    "jobs": ("account_no", "job_no"),
    "documents": ("document_ref",),
    "statements": ("statement_ref",),
}
"""The fields that make up a row's natural key; a contact is part of its account."""

KINDS: Final[dict[str, str]] = {
    "invoice": "invoice", "inv": "invoice", "in": "invoice", "ticket": "invoice",
    "installedsale": "invoice", "charge": "invoice",
    "debit": "debit", "debitadjustment": "debit", "debitmemo": "debit", "dm": "debit",
    "credit": "credit", "creditadjustment": "credit", "creditmemo": "credit", "cm": "credit",
    "paymentonaccount": "credit", "unappliedcash": "credit", "cashonaccount": "credit",
    "financecharge": "finance_charge", "fc": "finance_charge",
    "balanceforward": "balance_forward", "bf": "balance_forward",
}  # fmt: skip
"""What documents are called in the field, by the letters and digits of the word."""

STATUSES: Final[dict[str, str]] = {
    "active": "active", "open": "active", "current": "active", "a": "active",
    "inactive": "inactive", "i": "inactive",
    "hold": "hold", "onhold": "hold", "h": "hold", "credithold": "hold",
    "disabled": "disabled", "closed": "closed", "terminated": "closed", "c": "closed",
}  # fmt: skip

YES: Final = frozenset({"true", "yes", "y", "1", "x", "t"})
NO: Final = frozenset({"false", "no", "n", "0", "f"})
