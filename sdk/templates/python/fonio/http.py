"""HTTP over the host's network, which is `wasi:http`: Python's own libraries need sockets, and here are none."""

import json
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams, types

from . import Denied, Failed, Timeout

# 64 KiB of a reply at a time; 4 KiB of a body, which is all that one call of wasi:io takes.
READ_BYTES = 64 * 1024
WRITE_BYTES = 4 * 1024

METHODS = {
    "GET": types.Method_Get, "HEAD": types.Method_Head, "POST": types.Method_Post, "PUT": types.Method_Put,
    "DELETE": types.Method_Delete, "OPTIONS": types.Method_Options, "PATCH": types.Method_Patch,
}
DENIED = (types.ErrorCode_HttpRequestDenied, types.ErrorCode_DestinationIpProhibited)
LATE = (
    types.ErrorCode_DnsTimeout, types.ErrorCode_ConnectionTimeout, types.ErrorCode_ConnectionReadTimeout,
    types.ErrorCode_ConnectionWriteTimeout, types.ErrorCode_HttpResponseTimeout,
)


class Response:
    """An answer, whole."""

    def __init__(self, request: str, status: int, headers: dict, body: bytes):
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def success(self) -> "Response":
        """The answer itself; one of status 400 and more is an error with the status as its code."""
        if self.status < 400:
            return self
        body = self.body.decode(errors="replace")
        message = f"{self.request} returned {self.status}"
        raise Failed(str(self.status), message, statusCode=self.status, body=body)


def get(url: str, headers: dict | None = None) -> Response:
    return send("GET", url, headers)


def post(url: str, body, headers: dict | None = None) -> Response:
    """Sends `body` as JSON."""
    return send("POST", url, {"content-type": "application/json", **(headers or {})}, json.dumps(body).encode())


def send(method: str, url: str, headers: dict | None = None, body: bytes = b"") -> Response:
    """Sends a request and waits for the whole answer. Redirects are answers like any other."""
    named = f"{method} to {url}"
    outgoing = _outgoing(method, url, headers or {}, body)
    sink = outgoing.body()
    try:
        future = outgoing_handler.handle(outgoing, None)
        _write(sink, body)
        with future.subscribe() as ready:
            ready.block()
        # Ready, so the answer is there, and it is taken only here: the outer result is always Ok.
        answer = future.get().value
        if isinstance(answer, Err):
            raise answer
        return _read(named, answer.value)
    except Err as error:
        raise _why(named, error.value) from None


def _outgoing(method: str, url: str, headers: dict, body: bytes) -> types.OutgoingRequest:
    fields = [(name, value.encode()) for name, value in headers.items()]
    if body or method not in ("GET", "HEAD"):
        fields.append(("content-length", str(len(body)).encode()))
    parts = urlsplit(url)
    outgoing = types.OutgoingRequest(types.Fields.from_list(fields))
    outgoing.set_method(METHODS[method]() if method in METHODS else types.Method_Other(method))
    outgoing.set_scheme(types.Scheme_Http() if parts.scheme == "http" else types.Scheme_Https())
    outgoing.set_authority(parts.netloc)
    outgoing.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return outgoing


def _write(sink: types.OutgoingBody, body: bytes) -> None:
    if body:
        with sink.write() as stream:
            for start in range(0, len(body), WRITE_BYTES):
                stream.blocking_write_and_flush(body[start : start + WRITE_BYTES])
    types.OutgoingBody.finish(sink, None)


def _read(named: str, incoming: types.IncomingResponse) -> Response:
    with incoming.headers() as fields:
        headers = {name.lower(): value.decode(errors="replace") for name, value in fields.entries()}
    chunks = []
    with incoming.consume() as source, source.stream() as stream:
        try:
            while True:
                chunks.append(stream.blocking_read(READ_BYTES))
        except Err as end:
            if not isinstance(end.value, streams.StreamError_Closed):
                raise
    return Response(named, incoming.status(), headers, b"".join(chunks))


def _why(named: str, code) -> Exception:
    if isinstance(code, DENIED):
        return Denied(f"{named} was refused: this project grants no network to it")
    if isinstance(code, LATE):
        return Timeout(f"{named} was not answered in time")
    return ConnectionError(f"{named} failed: {type(code).__name__.removeprefix('ErrorCode_')}")
