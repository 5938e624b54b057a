"""The Plaid half of the sandbox: Items, Link, transfers, sweeps, a ledger and signed webhooks.

The real plaid-python SDK is its client: point the SDK's host at `http://127.0.0.1:PORT/plaid`.
"""
