"""What every route starts with: the services, and a caller that may do what it asks for."""

import math
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.gateway.access import ADMIN, EVERYBODY, READ, WRITE, AccessDeniedError, Caller
from serving.gateway.services import Services

credentials_of = HTTPBearer(
    auto_error=False, description="An API key, or a JSON web token where the gateway takes them."
)


async def services_of(request: Request) -> Services:
    """The gateway's parts."""
    return request.app.state.services


ServicesNow = Annotated[Services, Depends(services_of)]


def _allowed(scope: str) -> Callable[..., Awaitable[Caller]]:
    async def caller(
        request: Request,
        services: ServicesNow,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(credentials_of)],
    ) -> Caller:
        found = authenticated(services, credentials.credentials if credentials else "")
        request.state.caller = found.name
        if scope not in found.scopes:
            raise HTTPException(403, f"This needs the scope {scope}.")
        wait = services.rate_limit.wait(found.name, found.rate)
        if wait:
            services.metrics.limited.labels(found.name).inc()
            headers = {"Retry-After": str(math.ceil(wait))}
            raise HTTPException(429, "Too many requests.", headers=headers)
        return found

    return caller


def authenticated(services: Services, credentials: str) -> Caller:
    """Whose credentials these are; HTTP 401 if nobody's."""
    if services.settings.open:
        return EVERYBODY
    try:
        if services.tokens is not None and credentials.count(".") == 2:
            return services.tokens.caller(credentials)
        return services.keys.caller(credentials)
    except AccessDeniedError as error:
        raise HTTPException(401, str(error), headers={"WWW-Authenticate": "Bearer"}) from None


Reader = Annotated[Caller, Depends(_allowed(READ))]
Writer = Annotated[Caller, Depends(_allowed(WRITE))]
Admin = Annotated[Caller, Depends(_allowed(ADMIN))]


def pseudonym_for(request: Request, services: Services, caller: Caller, user_id: str) -> str:
    """The user's pseudonym, noted for the log; HTTP 403 if the caller may not ask about this user."""
    if caller.user_id and caller.user_id != user_id:
        raise HTTPException(403, "This token is for another user.")
    request.state.user = pseudonym = services.pseudonyms.of(user_id)
    return pseudonym
