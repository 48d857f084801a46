"""What can go wrong with a call.

    ServingError
    ├── InvalidRequestError   the request can never work: wrong shape, type, signature or value
    ├── NotFoundError         no such model or version is served
    ├── AccessError           not authenticated, or not allowed
    ├── DeadlineError         no answer within the timeout
    ├── OverloadedError       a quota or a queue is exhausted
    ├── UnavailableError      no connection, or the server is starting or stopping
    └── ServerError           the server failed on a request that may be fine

A client keys on these classes, never on message texts: those differ between versions of TensorFlow Serving.
"""

from typing import Any


class ServingError(Exception):
    """Base of all.

    Args:
        message: the server's text.
        code: the canonical code, such as "NOT_FOUND".
        request: the request message that failed.
    """

    def __init__(self, message: str, *, code: str = "UNKNOWN", request: Any = None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.request = request

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidRequestError(ServingError):
    """The request can never work as it is."""


class NotFoundError(ServingError):
    """No such model or version is served."""


class AccessError(ServingError):
    """Not authenticated, or not allowed."""


class DeadlineError(ServingError, TimeoutError):
    """No answer within the timeout."""


class OverloadedError(ServingError):
    """A quota or a queue is exhausted; later may work."""


class UnavailableError(ServingError, ConnectionError):
    """No connection, or the server is starting or stopping; soon may work."""


class ServerError(ServingError):
    """The server failed."""


_CLASSES: dict[str, type[ServingError]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "FAILED_PRECONDITION": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "UNIMPLEMENTED": InvalidRequestError,
    "NOT_FOUND": NotFoundError,
    "UNAUTHENTICATED": AccessError,
    "PERMISSION_DENIED": AccessError,
    "DEADLINE_EXCEEDED": DeadlineError,
    "RESOURCE_EXHAUSTED": OverloadedError,
    "UNAVAILABLE": UnavailableError,
}


def error_for(code: str, message: str, request: Any = None) -> ServingError:
    """The error of a canonical code."""
    return _CLASSES.get(code, ServerError)(message, code=code, request=request)
