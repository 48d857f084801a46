"""TensorFlow's ProfilerService: what the ops of a serving process spend their time on.

`tf.profiler.experimental.client.trace("grpc://HOST:8500", FOLDER, MILLISECONDS)`, or TensorBoard's "capture profile",
asks for it. As in TensorFlow Serving the caller names the folder and the server writes to it, on the server's disk.
"""

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from serving import wire
from serving.model_server.status import StatusError, invalid_argument


class Profiler:
    """The methods of the service. TensorFlow records one session at a time, in the whole process."""

    def __init__(self) -> None:
        self._recording = threading.Lock()
        self._ended: dict[str, threading.Event] = {}

    def profile(self, request: Any) -> Any:
        """Records for `duration_ms`, and writes ROOT/SESSION/HOST.xplane.pb, or answers with what it found if asked to.

        Raises:
            StatusError: names that lead elsewhere, a session that runs already, or a folder that cannot be written.
        """
        if os.path.basename(request.session_id) != request.session_id or request.session_id in (".", ".."):
            raise invalid_argument(
                f"session_id must be the name of a folder. Received: {request.session_id!r}"
            )
        if not self._recording.acquire(blocking=False):
            raise StatusError("ALREADY_EXISTS", "Another profiler session is active.")
        try:
            recorded = self._record(request.session_id, request.duration_ms / 1e3)
        finally:
            self._recording.release()
        space = wire.XSpace.FromString(recorded)
        response = wire.ProfileResponse(
            empty_trace=not any(line.events for plane in space.planes for line in plane.lines)
        )
        if request.emit_xspace:
            response.xspace.CopyFrom(space)
        if request.repository_root:
            host = request.host_name.replace(":", "_").replace("/", "_")
            _write(Path(request.repository_root, request.session_id), f"{host}.xplane.pb", recorded)
        return response

    def _record(self, session_id: str, seconds: float) -> bytes:
        from tensorflow.python.profiler.internal import _pywrap_profiler

        ended = self._ended[session_id] = threading.Event()
        session = _pywrap_profiler.ProfilerSession()
        with tempfile.TemporaryDirectory() as folder:
            session.start(folder, {})
            try:
                ended.wait(seconds)
            finally:
                session.export_to_tb()
                del self._ended[session_id]
            return next(Path(folder).rglob("*.xplane.pb")).read_bytes()

    def terminate(self, request: Any) -> Any:
        """Ends a session before its time.

        Raises:
            StatusError: there is no such session.
        """
        ended = self._ended.get(request.session_id)
        if ended is None:
            raise StatusError("NOT_FOUND", f"No profiler session {request.session_id!r} is active.")
        ended.set()
        return wire.TerminateResponse()

    def monitor(self, request: Any) -> Any:
        """Nothing is monitored, nor is it in TensorFlow Serving.

        Raises:
            StatusError: always.
        """
        raise StatusError("UNIMPLEMENTED", "unimplemented.")


def _write(folder: Path, name: str, content: bytes) -> None:
    aside = folder / f".{name}.{threading.get_ident()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        os.replace(aside, folder / name)
    except OSError as error:
        raise StatusError("UNKNOWN", f"Failed to write the profile: {error}") from error
