"""Stripe's card payments as a stateful simulation, API version 2026-08-26.dahlia.

One module per resource, each with its `ROUTES`; `api.py` is what every call goes through,
`world.py` what the resources share.
"""
