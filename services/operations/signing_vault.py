"""Signing keys of devices, sealed: the server must have them to check a signature, the database
alone must not give them away.

A sealed key is `nonce (12 bytes) | AES-256-GCM(key)` under a key derived from the installation's
secret `device_signing_key`; the device key's public id is authenticated with it, so that a sealed
key moved to another row opens nothing.
Belongs here: sealing and opening. Not here: what is signed (domain.signatures).
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.settings import Settings

SECRET_NAME = "device_signing_key"
# There while the secret is being replaced: it seals already, and rows are sealed by either.
NEXT_SECRET_NAME = "device_signing_key.next"
NONCE = 12


class CannotOpen(Exception):
    """No known secret opens a sealed key: the secret was lost, or the row was changed."""


class SigningVault:
    """Seals with the first secret, opens with any."""

    def __init__(self, *secrets_: str) -> None:
        self._ciphers = [
            AESGCM(
                HKDF(SHA256(), length=32, salt=None, info=b"atrium device signing keys").derive(
                    secret.encode()
                )
            )
            for secret in secrets_
        ]

    def seal(self, key: bytes, *, public_id: str) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, key, public_id.encode())

    def open(self, sealed: bytes, *, public_id: str) -> bytes:
        """Raises CannotOpen."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], public_id.encode())
            except (InvalidTag, ValueError):  # another secret, a changed row, hardly a row at all
                continue
        raise CannotOpen(f"the signing key of {public_id} opens with no known secret")


def open_vault(settings: Settings) -> SigningVault:
    """The installation's vault, as its secrets stand now: they may be replaced meanwhile."""
    current = settings.secret(SECRET_NAME)
    coming = settings.secrets_dir / NEXT_SECRET_NAME
    try:
        return SigningVault(coming.read_text().strip(), current)
    except FileNotFoundError:
        return SigningVault(current)
