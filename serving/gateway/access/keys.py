"""API keys: `tfrec_ID_SECRET`, of which the file keeps a hash.

The secret has 256 random bits, so that one round of SHA-256 is enough: there is nothing to guess.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from serving.gateway.access.caller import SCOPES, AccessDeniedError, Caller
from serving.gateway.settings import GatewayError

_FORM = re.compile(r"tfrec_([a-z0-9-]{1,40})_([\w-]{43})")
_NAME = re.compile(r"[a-z0-9-]{1,40}")
LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class StoredKey:
    """One key as the file has it."""

    name: str
    hash: str
    scopes: list[str]
    rate: float


class KeyFile:
    """The keys of a JSON file, which is read anew when it changes: a revoked key stops within a second."""

    def __init__(self, path: Path):
        self.path = path
        self._keys: dict[str, StoredKey] = {}
        self._stamp: tuple[int, int] | None = None
        self._looked = float("-inf")

    def caller(self, text: str) -> Caller:
        """Whose key this is.

        Raises:
            AccessDeniedError: nobody's.
        """
        self._refresh()
        found = _FORM.fullmatch(text)
        key = self._keys.get(found[1]) if found else None
        expected = key.hash if key else _hash("")  # the time taken tells nothing about which ids exist
        if not hmac.compare_digest(_hash(text), expected) or key is None:
            raise AccessDeniedError("This key is not valid.")
        return Caller(key.name, frozenset(key.scopes), key.rate)

    def create(self, name: str, scopes: Iterable[str], *, rate: float = 50.0) -> str:
        """Adds a key and returns it: the only time that it can be read.

        Raises:
            GatewayError: the name is taken or misspelt, or a scope is unknown.
        """
        scopes = sorted(set(scopes))
        if not _NAME.fullmatch(name):
            raise GatewayError(f"A key's name is 1 to 40 of a-z, 0-9 and -. Received: {name!r}.")
        if not scopes or set(scopes) - set(SCOPES):
            raise GatewayError(f"Scopes are some of {', '.join(SCOPES)}. Received: {', '.join(scopes)}.")
        keys = self._read()
        if name in keys:
            raise GatewayError(f"There is a key {name!r} already. Revoke it first, or take another name.")
        text = f"tfrec_{name}_{secrets.token_urlsafe(32)}"
        self._write({**keys, name: StoredKey(name, _hash(text), scopes, rate)})
        return text

    def revoke(self, name: str) -> None:
        """Removes a key.

        Raises:
            GatewayError: there is none of that name.
        """
        keys = self._read()
        if keys.pop(name, None) is None:
            raise GatewayError(f"There is no key {name!r}. There are: {', '.join(keys) or 'none'}.")
        self._write(keys)

    def is_empty(self) -> bool:
        """Whether nobody has a key."""
        return not self._read()

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_AGAIN_SECONDS:
            return
        self._looked = now
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = {}, None
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._keys, self._stamp = self._read(), stamp

    def _read(self) -> dict[str, StoredKey]:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            return {fields["name"]: StoredKey(**fields) for fields in stored["keys"]}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError) as error:
            raise GatewayError(f"The key file {self.path} cannot be read: {error!r}.") from error

    def _write(self, keys: dict[str, StoredKey]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"keys": [asdict(key) for key in keys.values()]}, file, indent=2)
        os.replace(aside, self.path)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
