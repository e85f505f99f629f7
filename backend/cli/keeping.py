"""Connections that are kept between requests, with one timer each and no callback a request.

uvicorn sets a timer after every answer and takes it off with the next request, and has the event
loop go round once more to hear of the end of every request's task. Here a timer that is set looks,
when its time has come, whether the connection was idle that long, and is set for the rest where it
was not; and a request says itself that it has ended.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class KeptProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection that was idle for too long."""

    _idle_since: float | None = None
    _alarm: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to be closed."""
        super().connection_lost(exc)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def on_response_complete(self) -> None:
        """Begins with the next request that is here already; the connection is idle otherwise."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._alarm is None:
            self._alarm = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look(self) -> None:
        self._alarm = None
        if self._idle_since is None:
            return  # The answer under way sets it again.
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._alarm = self.loop.call_later(left, self._look)
        else:
            self.timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        task = self.loop.create_task(self._run(cycle, app))
        self.tasks.add(task)

    async def _run(self, cycle: RequestResponseCycle, app: Any) -> None:
        """A request from its beginning to its end, which a server that stops waits for."""
        try:
            await cycle.run_asgi(app)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self.tasks.discard(task)
