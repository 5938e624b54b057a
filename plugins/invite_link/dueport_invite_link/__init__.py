"""Invites a customer with a personal link to the registration page."""
