"""uvicorn's HTTP protocol, with request heads and trailers bounded in size and in time.

The parser behind it keeps whatever arrives until a head is complete, so without this a stranger could fill the memory
or hold connections open before any code of the service runs. Give it to uvicorn as `http=BoundedHttpProtocol`.
"""

from asyncio import BaseTransport, TimerHandle, get_running_loop

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
MAX_HEAD_SECONDS = 10.0

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose head is larger than 64 KiB (plus one read) or takes longer than 10 s."""

    _waiting_bytes = 0
    _progress = False
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """A caller has connected; the first head is awaited from now on."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came; count them while they complete neither a head nor a piece of a body."""
        self._progress = False
        super().data_received(data)
        if self._progress:
            self._waiting_bytes = 0
            return
        self._waiting_bytes += len(data)
        self._await_head()
        if self._waiting_bytes > MAX_HEAD_BYTES:
            self._refuse()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._progress = True
        self._head_arrived()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body came; its size and time are the business of whoever reads it."""
        self._progress = True
        self._head_arrived()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete, trailers included."""
        self._progress = True
        self._head_arrived()
        super().on_message_complete()

    def _await_head(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = get_running_loop().call_later(MAX_HEAD_SECONDS, self.transport.close)

    def _head_arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        # In the middle of an answer a second status line would be taken for its content.
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(_TOO_LARGE)
        self.transport.close()
