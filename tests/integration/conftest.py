"""Fixtures of the integration tests: a real S3 server for the whole session."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import seaweed
from device_door import door  # noqa: F401
from pydantic import SecretStr
from staff_site import staff_site  # noqa: F401

from storage.objects import ObjectStore, open_object_store
from storage.settings import Settings


@pytest.fixture(scope="session")
def s3_server() -> Iterator[seaweed.S3Server]:
    directory = Path(tempfile.mkdtemp(prefix="atrium-s3-"))
    try:
        with seaweed.running(directory) as server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def s3_settings(settings: Settings, s3_server: seaweed.S3Server) -> Settings:
    """`settings` with an empty bucket of its own."""
    bucket = f"test-{uuid4().hex[:12]}"
    s3_server.client().create_bucket(Bucket=bucket)
    return settings.model_copy(
        update={
            "object_store": f"s3://{bucket}/mall",
            "object_store_endpoint": s3_server.endpoint,
            "object_store_access_key": SecretStr(s3_server.access_key),
            "object_store_secret_key": SecretStr(s3_server.secret_key),
        }
    )


@pytest.fixture
def s3_store(s3_settings: Settings) -> ObjectStore:
    return open_object_store(s3_settings)


@pytest.fixture(params=["folder", "s3"])
def any_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with a folder, then with a bucket, as object store."""
    chosen: Settings = (
        settings if request.param == "folder" else request.getfixturevalue("s3_settings")
    )
    return chosen


@pytest.fixture
def any_store(any_settings: Settings) -> ObjectStore:
    return open_object_store(any_settings)
