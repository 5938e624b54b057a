"""The demonstration's folder: where everything lies, its secrets, and its ``dealer.toml``.

folder/
  dealer.toml   what `dueport --config folder/dealer.toml ...` works with as well
  logo.png      the dealer's logo, which its pages, mails and papers show
  demo.json     what the folder was made with
  demo.log      what the program said
  secrets/      made by code at the first start, for this user alone
  data/         the deployment: database, plugins' files
  erp/          books, inbox, outbox and ledger of the demo ERP
  sandbox/      the simulated processors' world
  mailbox/      the mails that were received
"""

import datetime
import fcntl
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pyotp

from dueport_apps.storage.server_account import server_account
from dueport_core.errors import Conflict, Misconfigured

HOST: Final = "127.0.0.1"
TIME_ZONE: Final = "America/New_York"
DEALER_NAME: Final = "Cedar Yard Supply"
LOGO: Final = Path(__file__).resolve().parent / "logo.png"
PLAID_CLIENT_ID: Final = "cedar-yard-demo"

OPEN_FOLDER: Final = "/var/tmp"  # noqa: S108 - every account may enter it, and it outlives a restart.

_SANDBOX_AFTER: Final = 20
_MAIL_AFTER: Final = 25
_PORT_MAX: Final = 65_535 - _MAIL_AFTER


class Ports(msgspec.Struct, frozen=True):
    """The three ports of a demonstration, all told by the first."""

    portal: int

    def __post_init__(self) -> None:
        if not 1024 <= self.portal <= _PORT_MAX:
            raise Misconfigured(f"--port must lie between 1024 and {_PORT_MAX}")

    @property
    def sandbox(self) -> int:
        return self.portal + _SANDBOX_AFTER

    @property
    def mail(self) -> int:
        return self.portal + _MAIL_AFTER

    @property
    def portal_url(self) -> str:
        return f"http://{HOST}:{self.portal}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{HOST}:{self.sandbox}"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder was made with: the dealer must not change below a running database."""

    seed: int
    today: datetime.date
    port: int
    folder: str


class DemoSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Made-up keys; each is a file of the secrets folder."""

    secret_key: str
    stripe_secret_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str
    plaid_secret: str
    operator_totp: str


def default_folder(here: Path) -> Path:
    """Return where a demonstration keeps its data when nobody says otherwise.

    That is ``demo-data`` below ``here``. PostgreSQL refuses to run as root, though, and where root
    works in a folder that is closed to everybody else, such as its own home, the account that runs
    the database could not get there: the data then lies in the machine's place for lasting
    temporary files, under a name of this folder's own.
    """
    wanted = (here / "demo-data").absolute()
    if server_account(wanted / "database" / "cluster").can_enter(here.absolute()):
        return wanted
    mark = hashlib.sha256(str(wanted).encode()).hexdigest()[:8]
    return Path(OPEN_FOLDER) / f"dueport-demo-{mark}"


class DemoFolder:
    """The paths of one demonstration, and what is read from and written to them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.absolute()
        self.config = self.root / "dealer.toml"
        self.log = self.root / "demo.log"
        self.erp = self.root / "erp"
        self.sandbox = self.root / "sandbox"
        self.mailbox = self.root / "mailbox"
        self._logo = self.root / LOGO.name
        self._made = self.root / "demo.json"
        self._secrets = self.root / "secrets"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the folder for one process; raises Conflict while another demonstration has it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / "demo.lock").open("a")
        except OSError as error:
            raise Misconfigured(
                f"the folder {self.root} cannot be used ({error.strerror}); choose another with "
                "--folder"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"a demonstration runs in {self.root} already; end it with Ctrl-C there, or "
                    "choose another folder with --folder"
                ) from None
            yield

    def made(self) -> Made | None:
        """Return what the folder was made with, or None for a new one."""
        if not self._made.exists():
            if self.config.exists():
                raise Conflict(
                    f"{self.config} belongs to something else; choose another folder with --folder"
                )
            return None
        return msgspec.json.decode(self._made.read_bytes(), type=Made)

    def remember(self, made: Made) -> None:
        """Write down what the folder is made with; the last step of making it."""
        self._made.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")

    def secrets(self) -> DemoSecrets:
        """Return the secrets, made where they are missing."""
        self._secrets.mkdir(mode=0o700, exist_ok=True)
        return DemoSecrets(
            secret_key=self._secret("secret_key", secrets.token_urlsafe(48)),
            stripe_secret_key=self._secret("stripe_secret_key", f"sk_test_{secrets.token_hex(16)}"),
            stripe_publishable_key=self._secret(
                "stripe_publishable_key", f"pk_test_{secrets.token_hex(16)}"
            ),
            stripe_webhook_secret=self._secret(
                "stripe_webhook_secret", f"whsec_{secrets.token_hex(16)}"
            ),
            plaid_secret=self._secret("plaid_secret", secrets.token_hex(16)),
            operator_totp=self._secret("operator_totp", pyotp.random_base32()),
        )

    def write_config(self, ports: Ports) -> None:
        """Write ``dealer.toml`` for these ports, and the logo that it names."""
        self._logo.write_bytes(LOGO.read_bytes())
        self.config.write_text(self._config_text(ports), encoding="utf-8")

    def _secret(self, name: str, fresh: str) -> str:
        path = self._secrets / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(fresh + "\n", encoding="utf-8")
        return path.read_text(encoding="utf-8").strip()

    def _config_text(self, ports: Ports) -> str:
        def text(value: object) -> str:
            return msgspec.json.encode(str(value)).decode()

        def secret(name: str) -> str:
            return f"{{ file = {text(self._secrets / name)} }}"

        return f"""\
# The demonstration's deployment, written by `dueport demo`. Change what you like and start again;
# it is written anew only when the port or the folder changes.

secret_key = {secret("secret_key")}
data_folder = "data"

[dealer]
name = {text(DEALER_NAME)}
reply_to = "ar@cedaryard.example"
phone = "(603) 555-0142"
address = "18 Railroad Street, Keene, NH 03431"
logo = {text(LOGO.name)}
time_zone = {text(TIME_ZONE)}
state = "NH"
environment = "sandbox"

[web]
base_url = {text(ports.portal_url)}
host = {text(HOST)}
port = {ports.portal}

[database]
url = "embedded"

[erp]
plugin = "erp_generic"

[plugins.erp_generic]
folder = {text(self.erp / "inbox")}
mapping = {text(self.erp / "books" / "mapping.toml")}
outbox = {text(self.erp / "outbox")}
complete_when = "manifest"
assume_imported = true           # The demo ERP imports whatever lies in the outbox.

[payments]
card = "pay_stripe"
ach = "pay_ach_plaid"

[plugins.pay_stripe]
secret_key = {secret("stripe_secret_key")}
publishable_key = {text(self.secrets().stripe_publishable_key)}
webhook_secrets = [{secret("stripe_webhook_secret")}]
api_url = {text(f"{ports.sandbox_url}/stripe")}
script_url = {text(f"{ports.sandbox_url}/js/stripe.js")}

[plugins.pay_ach_plaid]
client_id = {text(PLAID_CLIENT_ID)}
secret = {secret("plaid_secret")}
api_url = {text(f"{ports.sandbox_url}/plaid")}
script_url = {text(f"{ports.sandbox_url}/js/link-initialize.js")}

[mail]
plugin = "email_smtp"

[plugins.email_smtp]
host = {text(HOST)}
port = {ports.mail}
encryption = "none"

[policies.invite]
delivery = "link"
expires_in_days = 14
follow_up_after_days = 7

[policies.signup]
self_service = true
enrolment_codes = true
"""
