"""Addresses of the pages about inviting, and the way back to where somebody came from."""

from urllib.parse import quote

from litestar.datastructures import FormMultiDict

from dueport_apps.web.http.redirects import safe_next

CUSTOMERS = "/operator/customers"
CAMPAIGNS = "/operator/campaigns"
INVITATIONS = "/operator/invitations"


def account_path(account_no: str) -> str:
    """Return the address of an account's page."""
    return f"{CUSTOMERS}/{quote(account_no, safe='')}"


def campaign_path(campaign_id: str) -> str:
    """Return the address where a campaign's progress is followed."""
    return f"{CAMPAIGNS}/{quote(campaign_id, safe='')}"


def edit_path(campaign_id: str) -> str:
    """Return the address of the dialog in which a draft is looked at, changed and sent."""
    return f"{campaign_path(campaign_id)}/edit"


def back_or(form: FormMultiDict, default: str) -> str:
    """Return the page of this portal that a form names as the one to go back to."""
    target = safe_next(str(form.get("_back", "")), default)
    return target if target.startswith("/operator/") else default
