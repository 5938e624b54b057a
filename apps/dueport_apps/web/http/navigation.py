"""The main navigation of both portals, in the words that users know."""

from collections.abc import Mapping

import msgspec

from dueport_apps.web.http.settings import Portal


class NavItem(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `key` is what a page names as current, `permission` hides it from other roles."""

    key: str
    label: str
    url: str = ""
    icon: str = ""
    permission: str | None = None
    children: tuple["NavItem", ...] = ()
    count_url: str = ""
    """Where the number beside the entry comes from, once the page is there; empty for none."""

    def visible_to(self, permissions: frozenset[str]) -> bool:
        """Whether a person with these permissions sees the entry."""
        return self.permission is None or self.permission in permissions


NAVIGATION: Mapping[Portal, tuple[NavItem, ...]] = {
    Portal.CUSTOMER: (
        NavItem(key="outstanding", label="Outstanding", url="/outstanding"),
        NavItem(key="payments", label="Payments", url="/payments"),
    ),
    Portal.OPERATOR: (
        NavItem(
            key="customers", label="Customers Dashboard", url="/operator/customers", icon="users"
        ),
        NavItem(
            key="invitations",
            label="Invitations",
            url="/operator/invitations",
            icon="send",
            count_url="/operator/invitations/waiting",
        ),
        NavItem(
            key="payments",
            label="Payments",
            icon="credit-card",
            children=(
                NavItem(key="incoming", label="Incoming Payments", url="/operator/payments"),
                NavItem(key="settlements", label="Settlements", url="/operator/settlements"),
            ),
        ),
        NavItem(
            key="integration", label="Integration", url="/operator/integration", icon="database"
        ),
        NavItem(key="plugins", label="Plugins", url="/operator/plugins", icon="plug-connected"),
        NavItem(key="audit", label="Audit", url="/operator/audit", icon="history"),
    ),
}
HOME: Mapping[Portal, str] = {
    Portal.CUSTOMER: "/outstanding",
    Portal.OPERATOR: "/operator/customers",
}
SIGN_OUT: Mapping[Portal, str] = {
    Portal.CUSTOMER: "/sign-out",
    Portal.OPERATOR: "/operator/sign-out",
}
