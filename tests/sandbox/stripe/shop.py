"""A shop's payment page under a strict content security policy, on an origin of its own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pay</title>
<script nonce="{nonce}" src="{sandbox}/js/stripe.js"></script>
</head>
<body><main><h1>Pay</h1><div id="payment-element"></div></main></body>
</html>"""

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
    "connect-src 'self'; frame-src {sandbox}; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


@contextlib.asynccontextmanager
async def serving_shop(sandbox_url: str) -> AsyncIterator[str]:
    """Serve the page while the block runs; yield its address."""
    nonce = "a1b2c3d4"
    body = PAGE.format(nonce=nonce, sandbox=sandbox_url).encode()
    policy = POLICY.format(nonce=nonce, sandbox=sandbox_url).encode()

    async def shop(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-security-policy", policy)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(shop, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
