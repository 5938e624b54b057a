"""What every command has in common: its configuration, its answer, its errors, who is acting."""

import asyncio
import contextlib
import functools
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from dueport_apps.settings import Settings, load_settings
from dueport_apps.usecases.records import Permission, Principal
from dueport_ports import DueportError, Invalid, Misconfigured, Unavailable

if TYPE_CHECKING:
    from dueport_apps.container import Container

ResultT = TypeVar("ResultT")

EXIT_FOUND, EXIT_CONFIGURATION, EXIT_OUTSIDE, EXIT_REFUSED = 1, 3, 4, 5


class Session(msgspec.Struct, frozen=True):
    """What every command knows: where the configuration is and how to answer."""

    config: Path
    as_json: bool

    def settings(self) -> Settings:
        return load_settings(self.config)

    def say(self, value: Any, text: str) -> None:
        """Print the result: one JSON document, or a text for people."""
        click.echo(msgspec.json.encode(value).decode() if self.as_json else text)


def command(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Add ``--json`` and turn the platform's errors into one clear line and an exit code."""

    @click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
    @click.pass_context
    @functools.wraps(function)
    def run(context: click.Context, /, *args: Any, as_json: bool, **kwargs: Any) -> ResultT:
        session = Session(context.find_root().params["config"], as_json)
        try:
            return function(session, *args, **kwargs)
        except DueportError as error:
            if as_json:
                problem: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
                if isinstance(error, Invalid) and error.fields:
                    problem["fields"] = error.fields
                click.echo(msgspec.json.encode(problem).decode())
            else:
                click.echo(f"dueport: {error}", err=True)
            raise SystemExit(exit_code(error)) from None

    return run


def deployment_command(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A ``command`` that needs the running deployment: it gets the container as second argument.

    The deployment may be served at the same time; an embedded database that runs already is shared.
    """

    @command
    @functools.wraps(function)
    def run(session: Session, *args: Any, **kwargs: Any) -> None:
        async def inside() -> None:
            async with open_container(session) as container:
                await function(session, container, *args, **kwargs)

        asyncio.run(inside())

    return run


@contextlib.asynccontextmanager
async def open_container(session: Session) -> AsyncIterator["Container"]:
    """Lend the deployment's container, with its database running and its schema up to date."""
    from dueport_apps.deployment import database, deployment, ensure_schema

    settings = session.settings()
    with database(settings) as url:
        ensure_schema(settings, url)
        async with deployment(settings, url) as container:
            yield container


def command_line() -> Principal:
    """Return who acts by a command: whoever may read the configuration may do everything, and the
    audit log says which account of the machine it was."""
    try:
        # Not from the environment, where anybody may call themselves anything.
        person = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # The account that runs this has no name, as in some containers.
        person = f"uid {os.getuid()}"
    return Principal(
        kind="system",
        principal_id="command-line",
        name=f"Command line ({person})",
        permissions=frozenset(Permission),
    )


def exit_code(error: DueportError) -> int:
    """Return the exit code of a refusal."""
    if isinstance(error, Misconfigured):
        return EXIT_CONFIGURATION
    return EXIT_OUTSIDE if isinstance(error, Unavailable) else EXIT_REFUSED
