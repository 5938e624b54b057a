"""Bank payments through Plaid: accounts linked in Plaid Link, money moved by Plaid Transfer."""
