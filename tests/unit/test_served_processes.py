"""What `atrium serve` does when one of its processes ends."""

import sys
from pathlib import Path

import click
import pytest

from cli import serve
from cli.processes import Children


def test_messenger_that_ends_begins_again_and_ends_no_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    starts = tmp_path / "starts"
    ends_at_once = f"open({str(starts)!r}, 'a').write('.'); raise SystemExit(3)"
    monkeypatch.setattr(serve, "MESSENGER_COMMAND", (sys.executable, "-c", ends_at_once))
    monkeypatch.setattr(serve, "FIRST_WAIT", 0.1)
    group = Children(tmp_path)
    group.start("web", [sys.executable, "-c", "import time; time.sleep(6)"], environment={})
    group.start(serve.MESSENGER, serve.MESSENGER_COMMAND, environment={})
    try:
        with pytest.raises(click.ClickException, match="web ended with code 0"):
            serve._watch(group)
    finally:
        group.end()
    assert len(starts.read_text()) > 1
    assert "The messenger ended with code 3" in capsys.readouterr().err
