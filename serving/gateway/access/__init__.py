"""Who may ask, and how often: API keys, tokens, rate limits."""

from serving.gateway.access.caller import ADMIN, EVERYBODY, READ, SCOPES, WRITE, AccessDeniedError, Caller
from serving.gateway.access.keys import KeyFile
from serving.gateway.access.rate_limit import RateLimit
from serving.gateway.access.tokens import TokenVerifier

__all__ = [
    "ADMIN",
    "EVERYBODY",
    "READ",
    "SCOPES",
    "WRITE",
    "AccessDeniedError",
    "Caller",
    "KeyFile",
    "RateLimit",
    "TokenVerifier",
]
