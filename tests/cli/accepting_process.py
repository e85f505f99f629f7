"""Answers whoever connects to the socket it was given with its name, as a worker would.

It waits as long as it is told, in seconds, before it takes another when it took the last one.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast

from backend.cli import turns
from backend.cli.turns import SharingLoop


class Name(asyncio.Protocol):
    """Says who has accepted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(sys.argv[1].encode())


async def serve() -> None:
    """Ends with its input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Name, sock=socket.socket(fileno=int(sys.argv[2])))
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    server.close()
    await server.wait_closed()


if __name__ == "__main__":
    turns.MOMENT = float(sys.argv[3])
    with asyncio.Runner(loop_factory=SharingLoop) as runner:
        runner.run(serve())
