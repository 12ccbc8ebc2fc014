"""Encrypted physical backups with a signed manifest, and their proof by restoring.

Belongs here: how a backup is written, checked and restored to a scratch server. Not here: when
that happens and what is remembered of it (services). The format and what it guards against stand
in docs/backup.md.
"""
