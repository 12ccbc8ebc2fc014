"""Keys of backups: the age recipients that can open them, the Ed25519 key that signs manifests.

Belongs here: finding keys and making them once, in files of mode 0600 under the secrets folder.
Not here: their use. Whoever wants backups that this machine cannot open names the public keys in
ATRIUM_BACKUP_RECIPIENTS and keeps the private ones elsewhere.
"""

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from storage.backup.errors import BackupRefused
from storage.settings import Settings, write_private

IDENTITY = "backup-age-identity"
SIGNING_KEY = "backup-signing-key"


def recipients(settings: Settings) -> list[pyrage.x25519.Recipient]:
    """Public keys that backups are encrypted to.

    Raises BackupRefused for a setting that holds something else.
    """
    if not settings.backup_recipients.strip():
        return [identity(settings).to_public()]
    keys = []
    for text in settings.backup_recipients.split(","):
        try:
            keys.append(pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError:
            raise BackupRefused(
                f"ATRIUM_BACKUP_RECIPIENTS: {text.strip()!r} is no age public key (age1…)"
            ) from None
    return keys


def identity(settings: Settings) -> pyrage.x25519.Identity:
    """The private key that opens backups on this machine.

    It is made when no recipients are set. Raises BackupRefused when they are and their private
    key is not here, or when the file holds no key.
    """
    path = settings.secrets_dir / IDENTITY
    if not path.exists():
        if settings.backup_recipients.strip():
            raise BackupRefused(
                "the private key of ATRIUM_BACKUP_RECIPIENTS is not on this machine: to prove a "
                f"backup here, put it (AGE-SECRET-KEY-1…) into {path}, mode 0600"
            )
        write_private(path, str(pyrage.x25519.Identity.generate()))
    try:
        return pyrage.x25519.Identity.from_str(path.read_text().strip())
    except pyrage.IdentityError:
        raise BackupRefused(f"{path} holds no age private key") from None


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """The key that signs manifests, made once. Raises BackupRefused when the file is no key."""
    path = settings.secrets_dir / SIGNING_KEY
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem.decode().strip())
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BackupRefused(f"{path} holds no Ed25519 private key")
    return key
