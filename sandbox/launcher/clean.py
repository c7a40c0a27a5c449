"""Working directories, and leaving no trace of a case: its files are wiped, and then looked for again."""

from __future__ import annotations

import os
import stat

WORK = "/w"
"""Holds the working directories; only root can list or change it."""
PROGRAM = f"{WORK}/a"
"""What a job's cases share: a compiled program, or further files of an interpreted one. Nobody but root can change
it. It stays from case to case."""
MAIN = "main.py"
"""A Python program's main source, in its working directory."""
OUT = f"{WORK}/o"
"""Where a compile leaves what it makes."""
MAX_ARTEFACT_FILES = 64
WRITABLE = tuple(
    place
    for place in ("/tmp", "/dev/shm", "/dev/mqueue")  # noqa: S108  # the world-writable places of the container
    if os.path.isdir(place)
)


def processes(uids: tuple[int, ...]) -> list[int]:
    """Processes of ``uids``, those that have ended and wait to be reaped left out."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_alive(name, uids)]


def _is_alive(pid: str, uids: tuple[int, ...]) -> bool:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            fields = dict(line.split(b":", 1) for line in file if b":" in line)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[b"State"].split()[0] not in (b"Z", b"X") and int(fields[b"Uid"].split()[0]) in uids


def make_home(name: str, uid: int) -> str:
    """A new empty working directory under :data:`WORK` that belongs to ``uid`` alone."""
    path = f"{WORK}/{name}"
    os.mkdir(path, 0o700)
    os.chown(path, uid, uid)
    return path


def make_folders(home: str, path: str, uid: int) -> None:
    """The folders above ``home/path``, for ``uid`` to write to."""
    at = home
    for part in path.split("/")[:-1]:
        at = f"{at}/{part}"
        if not os.path.isdir(at):
            os.mkdir(at, 0o700)
            os.chown(at, uid, uid)


def read_result(home: str, path: str, limit: int) -> bytes | None:
    """The beginning of a file that a program left; None unless it is an ordinary file, reached by no symbolic link."""
    *folders, name = path.split("/")
    at = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = inner
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    except OSError:
        return None
    finally:
        os.close(at)
    try:
        return os.read(fd, limit) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


class ArtefactError(Exception):
    """What a compile left behind is no artefact: too large, too many files, or no plain files."""


def collect(limit: int) -> dict[str, bytes]:
    """Names and contents of what a compile left in :data:`OUT`. Only once all of its processes are gone.

    Raises:
        ArtefactError: see there. Also OSError and RecursionError, for what lies too deep to be looked at.
    """
    found: dict[str, bytes] = {}
    left = limit
    for folder, folders, files in os.walk(OUT):
        for name in (*folders, *files):
            mode = os.lstat(f"{folder}/{name}").st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise ArtefactError(f"{name} is no plain file")
        for name in files:
            path = f"{folder}/{name}"
            left -= os.lstat(path).st_size
            if left < 0 or len(found) == MAX_ARTEFACT_FILES:
                raise ArtefactError(f"over {limit} bytes or {MAX_ARTEFACT_FILES} files")
            with open(path, "rb") as file:
                found[os.path.relpath(path, OUT)] = file.read()
    return found


def write_program(names: list[str], contents: list[bytes]) -> None:
    """Put files into :data:`PROGRAM`: everyone may read and run them, and only root may change them."""
    for name, content in zip(names, contents, strict=True):
        path = f"{PROGRAM}/{name}"
        for at, letter in enumerate(path):
            if letter == "/" and at >= len(PROGRAM) and not os.path.isdir(path[:at]):
                os.mkdir(path[:at])
                os.chmod(path[:at], 0o755)  # noqa: S103  # the candidate's program is in there
        write_file(path, content)
        os.chmod(path, 0o755)  # noqa: S103


def wipe(keep: str | None = PROGRAM) -> bool:
    """Remove everything that a program can have written; False if something will not go."""
    try:
        return all(_empty(place, keep) for place in (WORK, *WRITABLE))
    except (OSError, RecursionError):
        return False


def _names(place: str, keep: str | None) -> list[str]:
    return [name for name in os.listdir(place) if f"{place}/{name}" != keep]


def _empty(place: str, keep: str | None) -> bool:
    names = _names(place, keep)
    folders = [path for name in names if not _unlinked(path := f"{place}/{name}")]
    # No recursion, and no long path: a folder within a folder is first moved up. Programs nest them by the thousand.
    while folders:
        folder = folders.pop()
        for name in os.listdir(folder):
            if not _unlinked(f"{folder}/{name}"):
                folders.append(f"{place}/{os.urandom(16).hex()}")
                os.rename(f"{folder}/{name}", folders[-1])
        os.rmdir(folder)
    return not names or not _names(place, keep)


def _unlinked(path: str) -> bool:
    """Remove it; False for a folder, which is left."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        return False
    os.unlink(path)
    return True


def write_file(path: str, content: bytes) -> None:
    """A file that everyone may read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o644)
        file.write(content)
