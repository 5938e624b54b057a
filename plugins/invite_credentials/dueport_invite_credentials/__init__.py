"""Invites a customer with a generated username and a one-time password."""

from dueport_invite_credentials.generator import OneTimeCredentials

__all__ = ["OneTimeCredentials"]
