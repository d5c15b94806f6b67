"""HTTP to one server: a connection a thread, timeouts, retries, errors as exceptions."""
import http.client
import json
import random
import threading
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

from slipway.errors import BY_CODE, DeadlineExceeded, Internal, InvalidArgument, SlipwayError, Unavailable

_AGAIN = {429, 502, 503, 504}
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_CODES = {400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 409: "conflict", 413: "resource_exhausted",
          429: "resource_exhausted", 503: "unavailable", 504: "deadline_exceeded", 507: "storage_full"}


class Transport:
    """Safe to use from several threads.

    `timeout`: seconds until an answer begins, and between its pieces; not a limit of the whole. `retries`: how often a request is sent again
    when nobody answers or the server says 429, 502, 503 or 504; the waits double from 0.1 s, and are the server's `Retry-After` if it sends one.
    After a timeout nothing is sent again.
    """

    def __init__(self, url: str, token: str | None, timeout: float, retries: int):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgument(f"not the address of a server (http://host:port): {url!r}")
        self._parts, self._token, self._timeout, self._retries = parts, token, timeout, retries
        self._local = threading.local()

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *,
             timeout: float | None = None) -> tuple[bytes, Mapping[str, str]]:
        """The answer's body and its headers, by name in lower case. `body`: bytes, or a buffer of them. `timeout`: another one for this. SlipwayError."""
        timeout = self._timeout if timeout is None else timeout
        headers = dict(headers or {})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                status, reply_headers, reply = self._send(method, path, body, headers, timeout)
            except TimeoutError as e:
                self._forget()
                raise DeadlineExceeded(f"{self._parts.netloc} did not answer within {timeout} s: {method} {path}") from e
            except (OSError, http.client.HTTPException) as e:
                self._forget()
                if last:
                    raise Unavailable(f"{self._parts.netloc} does not answer: {e}") from e
                wait = self._wait(attempt, None)
            else:
                if status < 300:
                    return reply, reply_headers
                if last or status not in _AGAIN:
                    raise error_of(status, reply)
                wait = self._wait(attempt, reply_headers.get("retry-after"))
            time.sleep(wait)
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> dict[str, Any]:
        """JSON in and out."""
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        reply, _ = self.call(method, path, data, {"Content-Type": "application/json"}, timeout=timeout)
        return json.loads(reply) if reply else {}

    @staticmethod
    def _wait(attempt: int, asked: str | None) -> float:
        if asked and asked.isdigit():
            return min(float(asked), _LONGEST_WAIT_S)
        return min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S) * random.uniform(0.5, 1)

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str], timeout: float) -> tuple[int, dict[str, str], bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            make = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            connection = self._local.connection = make(self._parts.hostname or "", self._parts.port)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request(method, self._parts.path.rstrip("/") + path, body=body, headers=dict(headers))
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()


def error_of(status: int, body: bytes) -> SlipwayError:
    """The exception of an answer that is none: the server's code and words, or its status."""
    try:
        said = json.loads(body)["error"]
        code, message = said["code"], said["message"]
    except (ValueError, KeyError, TypeError):
        code, message = _CODES.get(status, "internal"), f"HTTP {status}: {body[:500].decode(errors='replace')}"
    return BY_CODE.get(code, Internal)(message, status=status)
