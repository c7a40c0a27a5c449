"""``problem.yaml``, in the version "legacy" and in 2023-07.

Only what decides about verdicts is read. Keys that do not, such as author and license, are left alone; a key that would
decide and holds something else than it must is an error.
"""

from __future__ import annotations

import enum
import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from reward_server.judge.errors import PackageError

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "problem.yaml"
_MIB = 1024 * 1024
LEGACY = "legacy"


class Validation(enum.Enum):
    """Who says whether an output is right."""

    DEFAULT = "default"
    CUSTOM = "custom"
    INTERACTIVE = "interactive"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a package asks for."""

    name: str
    validation: Validation
    validator_flags: tuple[str, ...]
    time_limit_seconds: float | None
    """None: measured from the accepted submissions."""
    time_multiplier: float
    """Time limit over the slowest accepted submission's time."""
    time_safety_margin: float
    """How much longer than the time limit a submission with the label time_limit_exceeded must take."""
    time_resolution_seconds: float
    """A measured time limit is a multiple of this."""
    rounds_up: bool
    """To the next multiple, as 2023-07 asks; else to the nearest, as problemtools does in legacy packages."""
    memory_bytes: int
    output_bytes: int
    validation_seconds: float


def read_settings(folder: Path) -> Settings:
    """Read ``folder/problem.yaml`` and, where it is there, ``folder/.timelimit``.

    Raises:
        PackageError: the file is missing, no YAML, or asks for what cannot be judged here.
    """
    path = folder / _FILE
    data = read_yaml(path)
    limits = _mapping(data, "limits", path)
    version = str(data.get("problem_format_version", LEGACY))
    is_legacy = version == LEGACY
    if is_legacy:
        validation = _legacy_validation(data, path)
        multiplier = _number(limits, "time_multiplier", 5.0, path)
        margin = _number(limits, "time_safety_margin", 2.0, path)
    elif version.startswith("2023-07"):
        validation = _validation(data, path)
        multipliers = _mapping(limits, "time_multipliers", path)
        multiplier = _number(multipliers, "ac_to_time_limit", 2.0, path)
        margin = _number(multipliers, "time_limit_to_tle", 1.5, path)
    else:
        raise PackageError(f"{path}: problem_format_version {version!r} is unknown; known are legacy and 2023-07")
    return Settings(
        name=folder.resolve().name,
        validation=validation,
        validator_flags=_flags(data.get("validator_flags", ""), path, "validator_flags"),
        time_limit_seconds=_time_limit(folder, limits, path),
        time_multiplier=multiplier,
        time_safety_margin=margin,
        time_resolution_seconds=_number(limits, "time_resolution", 1.0, path),
        rounds_up=not is_legacy,
        memory_bytes=int(_number(limits, "memory", 1024 if is_legacy else 2048, path) * _MIB),
        output_bytes=int(_number(limits, "output", 8, path) * _MIB),
        validation_seconds=_number(limits, "validation_time", 60, path),
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping, or nothing.

    Raises:
        PackageError: it is missing or holds something else.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackageError(
            f"{path}: not found; a package is a folder that holds {_FILE}, data/ and submissions/"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PackageError(f"{path}: not YAML: {' '.join(str(error).split())[:300]}") from error
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise PackageError(f"{path}: holds no mapping of keys to values")
    return data


def _mapping(data: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PackageError(f"{path}: {key} must be a mapping, not {value!r:.80}")
    return value


def _number(data: dict[str, Any], key: str, default: float, path: Path) -> float:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise PackageError(f"{path}: {key} must be a number over 0, not {value!r:.80}")
    return float(value)


def _flags(value: Any, path: Path, key: str) -> tuple[str, ...]:
    words = value if isinstance(value, list) else _split(value, path, key)
    return tuple(str(word) for word in words)


def _split(value: Any, path: Path, key: str) -> list[str]:
    if value is None:
        return []
    try:
        return shlex.split(str(value))
    except ValueError as error:
        raise PackageError(f"{path}: {key} {value!r:.80}: {error}") from error


def group_flags(data: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    """Flags of a test group's file."""
    return _flags(data.get(key, ""), path, key)


def _legacy_validation(data: dict[str, Any], path: Path) -> Validation:
    if data.get("type", "pass-fail") not in ("pass-fail", "scoring"):
        raise PackageError(f"{path}: type {data['type']!r:.80} is unknown; known are pass-fail and scoring")
    words = str(data.get("validation", "default")).split() or ["default"]
    unknown = set(words[1:]) - {"interactive", "score"}
    if words[0] not in ("default", "custom") or unknown or (words[0] == "default" and len(words) > 1):
        raise PackageError(
            f"{path}: validation {' '.join(words)!r:.80} is neither default, custom nor custom interactive"
        )
    if "interactive" in words:
        return Validation.INTERACTIVE
    return Validation.CUSTOM if words[0] == "custom" else Validation.DEFAULT


def _validation(data: dict[str, Any], path: Path) -> Validation:
    types = data.get("type", "pass-fail")
    types = types if isinstance(types, list) else str(types).split()
    cannot = set(types) - {"pass-fail", "scoring", "interactive"}
    if cannot:
        raise PackageError(
            f"{path}: a problem of type {', '.join(map(str, sorted(cannot, key=str)))} cannot be judged here"
        )
    if "interactive" in types:
        return Validation.INTERACTIVE
    return Validation.CUSTOM if (path.parent / "output_validator").is_dir() else Validation.DEFAULT


def _time_limit(folder: Path, limits: dict[str, Any], path: Path) -> float | None:
    """In 2023-07 a key; in legacy packages a file that the judge's tools leave; else it is measured."""
    for key in ("time_limit", "time"):
        if limits.get(key) is not None:
            return _number(limits, key, 1.0, path)
    file = folder / ".timelimit"
    if not file.is_file():
        return None
    try:
        seconds = float(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PackageError(f"{file}: must hold a number of seconds") from error
    if not 0 < seconds < math.inf:
        raise PackageError(f"{file}: {seconds} must be over 0")
    return seconds
