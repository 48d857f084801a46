"""The HTTP/1.1 server below the routes: threads, keep-alive, gzip and chunked request bodies, CORS."""

import http
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from serving.model_server.rest.routes import Reply, Routes

MAX_INFLATED = 100 * 1024 * 1024
MAX_BODY = 2**31 - 1


class RestServer:
    """Answers the REST API on one port until it is stopped.

    Args:
        routes: what answers.
        address: host and port; port 0 picks a free one.
        cors: allow browsers of any origin.
    """

    def __init__(self, routes: Routes, address: tuple[str, int], *, cors: bool = False):
        handler = type("Handler", (_Handler,), {"routes": routes, "cors": cors})
        self._server = _Server(address, handler)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="rest", daemon=True
        )
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no new connections; a reply that is being written is not waited for beyond its thread."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False


class _BadBodyError(Exception):
    """The body cannot be read; the connection must close."""


class _Handler(BaseHTTPRequestHandler):
    routes: Routes
    cors: bool
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # else a head that cannot be read is answered without a status line
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 60  # seconds an idle connection is kept

    def do_POST(self) -> None:
        try:
            body = self._inflated(self._read_body())
        except _BadBodyError as error:
            self.close_connection = True
            self._send(Reply(400, f'{{\n    "error": "{error}"\n}}'))
            return
        self._send(self.routes.handle(self.command, self.path, body))

    do_GET = do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 (the base class looks these names up)

    def do_HEAD(self) -> None:
        self._send(self.routes.handle("HEAD", self.path, b""))

    def do_OPTIONS(self) -> None:
        origin = self.headers.get("Origin", "")
        if origin.startswith(("http://", "https://")):
            self._send(Reply(200, ""))
        else:
            self.do_POST()

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError as error:
            raise _BadBodyError("Malformed Content-Length") from error
        if not 0 <= length <= MAX_BODY:
            raise _BadBodyError("Malformed Content-Length")
        return self.rfile.read(length)

    def _read_chunks(self) -> bytes:
        chunks, total = [], 0
        while True:
            try:
                size = int(self.rfile.readline(256).split(b";")[0], 16)
            except ValueError as error:
                raise _BadBodyError("Malformed chunk") from error
            total += size
            if size < 0 or total > MAX_BODY:
                raise _BadBodyError("Malformed chunk")
            if size == 0:
                break
            chunks.append(self.rfile.read(size))
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass  # trailers
        return b"".join(chunks)

    def _inflated(self, body: bytes) -> bytes:
        if self.headers.get("Content-Encoding", "").lower() != "gzip":
            return body
        inflater = zlib.decompressobj(wbits=31)
        try:
            result = inflater.decompress(body, MAX_INFLATED)
        except zlib.error as error:
            raise _BadBodyError("Failed to inflate the gzip body") from error
        if inflater.unconsumed_tail or not inflater.eof:
            raise _BadBodyError("Failed to inflate the gzip body")
        return result

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode("utf-8", "replace")
        phrase = "Client Closed Request" if reply.code == 499 else http.HTTPStatus(reply.code).phrase
        self.send_response_only(reply.code, phrase)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        if self.cors:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Methods", "POST, GET")
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are counted, not logged: a history of items is personal."""
