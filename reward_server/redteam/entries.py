"""The attacks: ``attacks/*.toml``.

An entry holds ``name``, ``class`` (:data:`CLASSES`), ``forms`` (of ``tasks.py``), ``source``, ``why`` and, where they
differ from the default, ``language`` (``python``), ``expect`` (the only outcomes that are right) and ``known_limit``
(true: the form shares a process with the program and cannot hold this attack; it is run, and shown apart).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from reward_server.verdict import Outcome

CLASSES = (
    "early_exit", "always_equal", "frame_walk", "answer_file", "verdict_channel", "forged_output", "prefix_only",
    "patching", "failed_collection", "infrastructure", "result_file", "input_swap", "leftover", "poisoning",
    "resources", "data_channel", "privilege", "compiling",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack on one form of test."""

    name: str
    attack_class: str
    """One of :data:`CLASSES`."""
    language: str
    form: str
    source: str
    why: str
    expect: tuple[Outcome, ...]
    """Outcomes that are right; empty: any but PASSED."""
    known_limit: bool

    @property
    def title(self) -> str:
        """Unique, for people: class, name, form."""
        return f"{self.attack_class}-{self.name}-{self.form}"


def load_attacks() -> list[Attack]:
    """Every attack that ships, once per form, in the order of the files."""
    entries = []
    for path in sorted((Path(__file__).parent / "attacks").glob("*.toml")):
        entries += tomllib.loads(path.read_text(encoding="utf-8"))["attack"]
    return [
        Attack(
            name=entry["name"],
            attack_class=entry["class"],
            language=entry.get("language", "python"),
            form=form,
            source=entry["source"],
            why=entry["why"],
            expect=tuple(Outcome[outcome] for outcome in entry.get("expect", [])),
            known_limit=entry.get("known_limit", False),
        )
        for entry in entries
        for form in entry["forms"]
    ]
