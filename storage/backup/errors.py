"""How a backup or its proof fails; every message says what to do or which object is wrong."""


class BackupError(Exception):
    """A backup could not be made or proven."""


class BackupRefused(BackupError):
    """This database, these settings or this machine do not allow it; nothing was written."""


class BackupDamaged(BackupError):
    """What the store holds is not what was written: nothing of it was started."""


class ChainBroken(BackupDamaged):
    """The manifest of an earlier backup, `sequence`, is missing, another one, or forged."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"the chain of backups is broken at {sequence}: {reason}")
        self.sequence = sequence
