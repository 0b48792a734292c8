"""HTTP request -> HTTP answer within bounds: a total deadline that no slow server can beat, and a cap on the bytes of an answer.

The client's own timeouts hold for each single read, so that a byte now and then keeps a request alive for ever; and it reads and unpacks
whatever comes. Here the request's timeout is the time for all of it, and the bytes are counted as they are unpacked.
"""

from __future__ import annotations

import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

KEEPALIVE_SECONDS = 4.0
"""An idle connection is closed before the server may: uvicorn, and so vLLM, waits 5 seconds."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ERROR_BYTES = 16_000
"""So much of an error's text is read."""
PACKED = 47
"""zlib's number for gzip or zlib, whichever it is."""
NOT_PASSED_ON = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class TooLarge(httpx2.TransportError):
    """An answer has more bytes than it may."""


class Undecodable(httpx2.TransportError):
    """An answer is packed in a manner that cannot be unpacked."""


class _Bounds(threading.local):
    """What holds for the request that this thread sends: when it must end, how many bytes may come."""

    deadline = float("inf")
    max_bytes = 0

    def left(self) -> float:
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore2.ReadTimeout("the deadline passed")
        return seconds


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step gets the time that is left of the whole."""

    def __init__(self, stream: httpcore2.NetworkStream, bounds: _Bounds) -> None:
        self._stream, self._bounds = stream, bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._bounds.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._bounds.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._bounds.left()), self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    def __init__(self, bounds: _Bounds) -> None:
        self._bounds = bounds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(host, port, self._bounds.left(), local_address, socket_options), self._bounds)


class BoundedTransport(httpx2.BaseTransport):
    """One connection for each thread, which spares the threads a shared pool's lock and search."""

    def __init__(self, base_url: str) -> None:
        self._url = httpx2.URL(base_url)
        self._context = httpx2.create_ssl_context() if self._url.scheme == "https" else None
        self._bounds, self._own = _Bounds(), threading.local()
        self._pools: list[httpcore2.ConnectionPool] = []

    def bound(self, seconds: float, max_bytes: int) -> None:
        """What this thread sends next must end within ``seconds`` and bring no more than ``max_bytes``."""
        self._bounds.deadline, self._bounds.max_bytes = time.monotonic() + seconds, max_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read to its end.

        Raises:
            TooLarge, Undecodable: see there.
            httpx2.TransportError: nothing came, or not in time.
        """
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        asked = httpcore2.Request(request.method, target, headers=request.headers.raw, content=request.read())
        try:
            answer = self._pool().handle_request(asked)
            try:
                body = self._read(answer)
            finally:
                answer.close()
        except httpcore2.TimeoutException as error:
            raise httpx2.ReadTimeout(str(error)) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError) as error:
            raise httpx2.TransportError(f"{type(error).__name__}: {error}") from None
        headers = [(name, value) for name, value in answer.headers if name.lower() not in NOT_PASSED_ON]
        return httpx2.Response(answer.status, headers=headers, content=body)

    def _read(self, answer: httpcore2.Response) -> bytes:
        """The body, unpacked; of an error's body the beginning."""
        is_error = answer.status != httpx2.codes.OK
        limit = ERROR_BYTES if is_error else self._bounds.max_bytes
        encoding = next((value.strip().lower() for name, value in answer.headers if name.lower() == b"content-encoding"), b"")
        if encoding not in (b"", b"identity", b"gzip", b"x-gzip", b"deflate"):
            raise Undecodable(f"content-encoding {encoding[:40]!r}")
        unpack = zlib.decompressobj(PACKED) if encoding not in (b"", b"identity") else None
        body = bytearray()
        for part in answer.iter_stream():
            try:
                body += unpack.decompress(part, limit + 1 - len(body)) if unpack else part
            except zlib.error as error:
                raise Undecodable(str(error)) from None
            if len(body) > limit:
                if is_error:
                    break
                raise TooLarge(f"more than {limit} bytes")
        return bytes(body[:limit])

    def _pool(self) -> httpcore2.ConnectionPool:
        """This thread's connection."""
        pool: httpcore2.ConnectionPool | None = getattr(self._own, "pool", None)
        if pool is None:
            pool = self._own.pool = self._open_pool()
            self._pools.append(pool)
        return pool

    def _open_pool(self) -> httpcore2.ConnectionPool:
        shared: dict[str, Any] = {"ssl_context": self._context, "max_connections": 1, "keepalive_expiry": KEEPALIVE_SECONDS}
        shared["network_backend"] = _Backend(self._bounds)
        is_direct = self._url.host in LOOPBACK or urllib.request.proxy_bypass(self._url.host)
        found = None if is_direct else urllib.request.getproxies().get(self._url.scheme)
        if not found:
            return httpcore2.ConnectionPool(**shared)
        proxy = httpx2.Proxy(found)
        address = httpcore2.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/")
        return httpcore2.HTTPProxy(address, proxy_auth=proxy.raw_auth, **shared)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools:
            pool.close()
