"""Keyed pseudonyms: what stands for a user in the store, the logs and the Parquet files."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from serving.gateway.settings import GatewayError

VARIABLE = "TFREC_PSEUDONYM_KEY"
MIN_BYTES = 32


class Pseudonyms:
    """HMAC-SHA256 of the user id, its first 128 bits as 22 characters. Without the key nobody can tell whose it
    is, nor make the pseudonym of a given user.

    Raises:
        GatewayError: the key is shorter than 32 bytes.
    """

    def __init__(self, key: bytes):
        if len(key) < MIN_BYTES:
            raise GatewayError(f"The pseudonym key needs at least {MIN_BYTES} bytes. Received: {len(key)}.")
        self._key = key

    def of(self, user_id: str) -> str:
        """The pseudonym of a user; "" stays ""."""
        if not user_id:
            return ""
        digest = hmac.digest(self._key, user_id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def load_pseudonyms(folder: Path) -> Pseudonyms:
    """With the key of the environment variable TFREC_PSEUDONYM_KEY, or of folder/pseudonym.key, which is made at
    the first start. Several gateways on one store need one key."""
    if given := os.environ.get(VARIABLE):
        return Pseudonyms(given.encode())
    path = folder / "pseudonym.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Pseudonyms(path.read_bytes())
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_urlsafe(MIN_BYTES).encode())
    return Pseudonyms(path.read_bytes())
