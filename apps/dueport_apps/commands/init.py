"""``dueport init``: write a ``dealer.toml`` by asking."""

import secrets
from pathlib import Path

import msgspec

from dueport_apps.logo import read_logo
from dueport_ports import Conflict

TEMPLATE = """\
# One dealer's deployment of Dueport. `dueport check` says what is missing or wrong.
# Secrets are never written here: name an environment variable or a file.

secret_key = {{ file = "secrets/secret_key" }}
data_folder = "data"

[dealer]
name = {name}
reply_to = {reply_to}
phone = {phone}
logo = {logo}  # a PNG or JPEG beside this file; "" shows the name
time_zone = {time_zone}
environment = "sandbox"          # "live" moves real money

[web]
base_url = {base_url}

[database]
url = "embedded"                 # or {{ env = "DATABASE_URL" }} for your own PostgreSQL

[erp]
plugin = "erp_generic"

[plugins.erp_generic]
folder = "erp/inbox"
mapping = "erp/mapping.toml"
outbox = "erp/outbox"

[payments]
card = "pay_stripe"              # "" switches cards off
ach = "pay_ach_plaid"            # "" switches bank payments off

[plugins.pay_stripe]
secret_key = {{ env = "STRIPE_SECRET_KEY" }}
publishable_key = {stripe_publishable_key}
webhook_secrets = [{{ env = "STRIPE_WEBHOOK_SECRET" }}]

[plugins.pay_ach_plaid]
client_id = {plaid_client_id}
secret = {{ env = "PLAID_SECRET" }}

[mail]
plugin = "email_smtp"

[plugins.email_smtp]
host = {smtp_host}
port = {smtp_port}
username = {smtp_username}
password = {{ env = "SMTP_PASSWORD" }}

[policies.invite]
delivery = "link"                # or "credentials"
expires_in_days = 7
"""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What ``dueport init`` asks for; every question has a default that starts in the sandbox."""

    name: str
    reply_to: str
    phone: str = ""
    logo: str = ""
    """Relative to the folder that ``dealer.toml`` is written to."""
    time_zone: str = "America/New_York"
    base_url: str = "http://127.0.0.1:8400"
    stripe_publishable_key: str = ""
    plaid_client_id: str = ""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 587
    smtp_username: str = ""


def write_config(folder: Path, answers: Answers) -> Path:
    """Write ``dealer.toml`` and a fresh secret key.

    Raises Conflict where one exists already, and Misconfigured for a logo that cannot be shown.
    """
    path = folder / "dealer.toml"
    if path.exists():
        raise Conflict(f"{path} exists already; edit it, or choose another folder")
    if answers.logo:
        read_logo(folder / answers.logo)
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secrets" / "secret_key"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
    # A JSON string or number is a TOML one, escapes included.
    values = {
        key: msgspec.json.encode(value).decode()
        for key, value in msgspec.structs.asdict(answers).items()
    }
    path.write_text(TEMPLATE.format(**values), encoding="utf-8")
    return path
