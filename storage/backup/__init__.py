"""Encrypted physical backups with a signed manifest, and their proof by restoring."""
