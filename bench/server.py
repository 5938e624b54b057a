"""The process that is measured: a web server and nothing else.

`python -m bench.server portals URL FOLDER PORT` serves both portals as `dueport serve` does,
`python -m bench.server bytes FILE PORT` one fixed page from a bare Litestar handler.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from litestar import Litestar, MediaType, get
from litestar.response import Response
from litestar.types import ASGIApp

from dueport_apps.commands.serve import listening, run, serving
from dueport_apps.web.http.request_log import configure_logging


def free_port() -> int:
    """Return a port that nobody holds at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def server(*arguments: str, port: int) -> Iterator[int]:
    """Run a server beside the block and lend its process id once it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.server", *arguments, str(port)],
        # The log of requests is written, as in production, but nobody wants to read it here.
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(process, port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the measured server did not start; its reason stands above")
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the measured server does not answer")


def portals(url: str, folder: str, port: int) -> ASGIApp:
    """Return the application of a deployment whose plugins are fakes; the rest is real."""
    # Loaded here, so that the other server stays as bare as it claims to be.
    from bench.deployment import open_world
    from dueport_apps.web.app import create_app

    return create_app(open_world(url, Path(folder), port).container)


def fixed_page(file: str) -> ASGIApp:
    """Return an application that does nothing but answer with one page."""
    page = Path(file).read_bytes()

    @get("/{rest:path}", sync_to_thread=False)
    def answer() -> Response[bytes]:
        return Response(page, media_type=MediaType.HTML)

    return Litestar([answer], openapi_config=None, logging_config=None)


async def _main(kind: str, *arguments: str) -> None:
    configure_logging()
    *others, last = arguments
    port = int(last)
    app = portals(others[0], others[1], port) if kind == "portals" else fixed_page(others[0])
    with listening("127.0.0.1", port, "PORT") as listener:
        async with serving(app, listener) as task:
            await task


if __name__ == "__main__":
    run(_main(*sys.argv[1:]))
