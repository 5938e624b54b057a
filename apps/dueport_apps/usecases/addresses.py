"""Where links lead: built from the configured base URL alone, never from a request."""

import msgspec


class PortalAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of the customer portal and the operator portal, for mails and redirects."""

    base_url: str
    operator_base_url: str

    def register(self, token: str) -> str:
        return f"{self.base_url}/register/{token}"

    def decline(self, token: str) -> str:
        return f"{self.base_url}/invitation/{token}/decline"

    @property
    def sign_in(self) -> str:
        return f"{self.base_url}/sign-in"

    @property
    def outstanding(self) -> str:
        return f"{self.base_url}/outstanding"

    def payment(self, payment_id: str) -> str:
        return f"{self.base_url}/payments/{payment_id}"

    def operator_setup(self, token: str) -> str:
        return f"{self.operator_base_url}/operator/setup/{token}"
