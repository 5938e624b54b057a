"""Where links lead: built from the configured base URL alone, never from a request."""

from urllib.parse import quote

import msgspec


class PortalAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of the customer portal and the operator portal, for mails and redirects."""

    base_url: str
    operator_base_url: str

    def register(self, token: str) -> str:
        return f"{self.base_url}/register/{token}"

    def decline(self, token: str) -> str:
        return f"{self.base_url}/invitation/{token}/decline"

    def unsubscribe(self, token: str) -> str:
        """Where a mail program's own unsubscribe button leads."""
        return f"{self.base_url}/invitation/{token}/unsubscribe"

    def reset(self, token: str) -> str:
        return f"{self.base_url}/reset/{token}"

    @property
    def forgot_password(self) -> str:
        return f"{self.base_url}/forgot-password"

    @property
    def sign_up(self) -> str:
        return f"{self.base_url}/sign-up"

    @property
    def enrol(self) -> str:
        return f"{self.base_url}/enrol"

    @property
    def contact(self) -> str:
        return f"{self.base_url}/contact"

    @property
    def sign_in(self) -> str:
        return f"{self.base_url}/sign-in"

    @property
    def outstanding(self) -> str:
        return f"{self.base_url}/outstanding"

    def payment(self, payment_id: str) -> str:
        return f"{self.base_url}/payments/{payment_id}"

    def account(self, account_no: str) -> str:
        """The account detail view in the operator portal."""
        return f"{self.operator_base_url}/operator/customers/{quote(account_no, safe='')}"

    def operator_setup(self, token: str) -> str:
        return f"{self.operator_base_url}/operator/setup/{token}"
