"""The one error of the server: a canonical code and a message, as gRPC and REST clients see them."""


class StatusError(Exception):
    """Ends a request with a canonical code.

    Args:
        code: name of a canonical code, such as "INVALID_ARGUMENT".
        message: the text for the client.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid_argument(message: str) -> StatusError:
    """The commonest error."""
    return StatusError("INVALID_ARGUMENT", message)
