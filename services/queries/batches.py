"""Calls of the API as they were kept."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.models import Batch


def find_bodies(session: Session, *, mall_id: int, sha256s: Collection[bytes]) -> set[bytes]:
    """Which of these SHA-256 are those of bodies the API has taken for the mall."""
    return set(
        session.scalars(
            sa.select(Batch.body_sha256).where(
                Batch.mall_id == mall_id, Batch.body_sha256.in_(sha256s)
            )
        )
    )
