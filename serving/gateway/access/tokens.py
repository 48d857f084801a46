"""JSON web tokens: the one door to PyJWT."""

import jwt

from serving.gateway.access.caller import SCOPES, AccessDeniedError, Caller
from serving.gateway.settings import GatewayError, JwtSettings


class TokenVerifier:
    """Accepts tokens of one issuer. Claims: `sub`, `aud`, `exp`, `scope` ("read write"), and `user_id` if the
    token is for one user alone: a browser may hold such a one.

    Raises:
        GatewayError: the key cannot be read, or an algorithm is none that signs.
    """

    def __init__(self, settings: JwtSettings):
        self._settings = settings
        unsigned = set(settings.algorithms) - (set(jwt.algorithms.get_default_algorithms()) - {"none"})
        if unsigned:
            raise GatewayError(
                f"jwt.algorithms must be such as RS256 or HS256. Received: {sorted(unsigned)}."
            )
        try:
            self._key = settings.key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise GatewayError(
                f"jwt.key_file {settings.key_file} cannot be read: {error.strerror}."
            ) from error

    def caller(self, token: str) -> Caller:
        """Whose token this is.

        Raises:
            AccessDeniedError: it is not signed by the issuer, has expired, or is for somebody else.
        """
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=self._settings.algorithms,
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options={"require": ["exp", "sub", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise AccessDeniedError(f"This token is not valid: {error}.") from error
        scopes = frozenset(str(claims.get("scope", "")).split()) & frozenset(SCOPES)
        return Caller(f"jwt:{claims['sub']}", scopes, self._settings.rate, str(claims.get("user_id", "")))
