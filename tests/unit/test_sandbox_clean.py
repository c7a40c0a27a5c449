"""Everything that a program can have written goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.launcher import clean


def test_trees_of_any_depth_and_name_go_and_what_is_to_stay_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clean, "WORK", str(tmp_path))
    monkeypatch.setattr(clean, "WRITABLE", ())
    kept = tmp_path / "a"
    (kept / "inner").mkdir(parents=True)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    (tmp_path / "link").symlink_to(outside)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "s").mkdir()
    at = Path.cwd()
    try:
        os.chdir(tmp_path / "s")
        Path("link").symlink_to(outside)
        for name in (b"\xff\xfe", b"-rf *", b"a\nb", b"x" * 255):
            Path(os.fsdecode(name)).mkdir()
        for _ in range(5000):
            Path("d").mkdir()
            Path("file").touch()
            os.chdir("d")
    finally:
        os.chdir(at)
    assert clean.wipe(str(kept))
    assert list(tmp_path.iterdir()) == [kept]
    assert (kept / "inner").is_dir()
    assert (outside / "file").read_text() == "stays"
