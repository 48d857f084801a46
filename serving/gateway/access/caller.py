"""Who asks, and what they may do."""

from dataclasses import dataclass

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)


class AccessDeniedError(Exception):
    """A key or token that does not count; the message tells the caller no more than it must."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller.

    Args:
        name: the key's id or the token's subject; stands in logs.
        scopes: of SCOPES.
        rate: requests a second that it may send in the long run; twice as many at once.
        user_id: the one user it may ask about; "" means any.
    """

    name: str
    scopes: frozenset[str]
    rate: float
    user_id: str = ""


EVERYBODY = Caller("open", frozenset(SCOPES), rate=float("inf"))
