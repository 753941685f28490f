"""What a game is: names, buttons, actions, states and where its files are."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from mk_lightning.games.consoles import Console
from mk_lightning.games.integration import read_state
from mk_lightning.games.names import GameError, MissingRomError, suggestion
from mk_lightning.games.rom_files import PACKAGED_ROMS, check_rom, rom_sha1
from mk_lightning.utils.errors import shortened

__all__ = ["Game"]

SHORT_BUTTONS = {"U": "UP", "D": "DOWN", "L": "LEFT", "R": "RIGHT"}
"""Buttons that the action table writes with one letter."""

MAX_WEIGHT = 1e9
"""Of a state, so that their sum is finite, too."""

NO_BUTTON = "none"
"""The action that presses nothing."""


@dataclass(frozen=True)
class Game:
    """A fighting game for stable-retro, as described by its ``game.yaml``.

    Build one with :func:`mk_lightning.games.load_game`. Instances hold plain Python only and can be pickled.
    """

    id: str
    """Name in stable-retro's form, e.g. ``MortalKombatII-Genesis-v0``."""
    title: str
    """Name for people; for a ROM that cannot ship, the name of the cartridge."""
    aliases: tuple[str, ...]
    """Other names that mean this game."""
    folder: Path
    """Integration folder: the ROM, ``data.json``, ``scenario.json`` and ``*.state``."""
    bundled: bool
    """Whether the folder is stable-retro's own, into which its import tool puts the ROM."""
    rom_sha1s: tuple[str, ...]
    """SHA-1 of the ROM in hexadecimal, of each revision that will do; none leaves the ROM unchecked."""
    console: Console
    """The console that the id names."""
    actions: tuple[str, ...]
    """The action table: buttons held together, joined by ``+``; ``none`` presses nothing."""
    attack_buttons: tuple[str, ...]
    """Edge-triggered buttons, released at the end of each env_step so that repeated actions attack again."""
    guard_buttons: tuple[str, ...]
    """Buttons that guard, for what reports say of behaviour; may be empty."""
    full_health: int | None
    """Health of a fresh fighter, in RAM units; None takes the larger of both healths in the state of a match."""
    seed_variable: str | None
    """RAM variable that seeds the opponent's random numbers, or None when the game has none."""
    variables: tuple[str, ...]
    """What is known of a match, sorted: RAM variables in ``data.json`` and ``ram``, and what is computed of them."""
    states: tuple[str, ...]
    """Every save state in the folder, in the game's order."""
    two_player_states: tuple[str, ...] = ()
    """Those of ``states`` that need a second player; patterns never select them."""
    opponents: Mapping[str, str] = field(default_factory=dict)
    """Opponent by state, where the state's name does not say it."""
    ram: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    """RAM variables that ``data.json`` lacks: ``address`` and ``type`` by name, as it has them."""
    formulas: Mapping[str, str] = field(default_factory=dict)
    """Formulas over RAM variables, by the name that their value gets."""
    counts_knockouts: bool = False
    """Whether rounds are counted from knock-outs and the variable ``clock``, as no RAM variables have them."""
    rounds_to_win: int = 2
    """Rounds that win a match; 2 is best of three."""
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Where the picture is in the screen buffer: left, top, width, height in pixels; a size of 0 is all of the rest."""

    def __hash__(self) -> int:
        """Hash by id and folder: ``opponents`` is a mapping and has no hash."""
        return hash((self.id, self.folder))

    @property
    def buttons(self) -> tuple[str, ...]:
        """The console's buttons in the emulator core's order; empty text stands for a place without a button."""
        return self.console.buttons

    # -- actions ---------------------------------------------------------------------------------------------

    def action_buttons(self, action: str) -> tuple[str, ...]:
        """Return the buttons that ``action`` holds, e.g. ``("LEFT", "DOWN")`` for ``L+D``.

        Raises:
            GameError: ``action`` names a button that the game does not have.
        """
        if action == NO_BUTTON:
            return ()
        held = []
        for letter in action.split("+"):
            button = SHORT_BUTTONS.get(letter, letter)
            if not button or button not in self.buttons:
                hint = suggestion(letter, (*SHORT_BUTTONS, *filter(None, self.buttons)))
                raise GameError(f"{self.id}: action {action!r} has an unknown button {letter!r}{hint}")
            held.append(button)
        return tuple(held)

    def action_index(self, action: str) -> int:
        """Return the row of ``action`` in the table (the first, should it stand there twice).

        Raises:
            GameError: the table has no such action.
        """
        try:
            return self.actions.index(action)
        except ValueError:
            raise GameError(f"{self.id}: no action {action!r}{suggestion(action, self.actions)}") from None

    # -- states ----------------------------------------------------------------------------------------------

    def resolve_states(self, patterns: str | Sequence[str]) -> tuple[str, ...]:
        """Return the states that the patterns name, each once.

        Args:
            patterns: state names, tiers (``VeryEasy``, which stands for ``VeryEasy.*``), globs such as ``*-03``, or
                ``all``. All but names give states in the game's order and never a two-player state; a two-player
                state can be named in full.

        Raises:
            GameError: a pattern matches nothing (the nearest state is named), or there is no pattern.
        """
        if isinstance(patterns, str):
            patterns = (patterns,)
        found: dict[str, None] = {}
        for pattern in patterns:
            if pattern in self.states:
                found[pattern] = None
                continue
            globs = ("*",) if pattern == "all" else (pattern, f"{pattern}.*")
            one_player = [state for state in self.states if state not in self.two_player_states]
            matches = [state for state in one_player if any(fnmatchcase(state, glob) for glob in globs)]
            if not matches:
                raise GameError(
                    f"{self.id}: no state {shortened(pattern)!r}{suggestion(pattern, (*one_player, 'all'))}"
                )
            found.update(dict.fromkeys(matches))
        if not found:
            raise GameError(f"{self.id}: no states given; name at least one, or 'all'")
        return tuple(found)

    def state_weights(self, states: str | Sequence[str] | Mapping[str, float]) -> dict[str, float]:
        """Return the probability of each state, summing to 1.

        Args:
            states: names or patterns (equal weights), or a mapping from names or patterns to weights, of
                which only the ratios matter. A pattern gives its weight to **each** state it matches; a state
                named by several takes the last. Weight 0 leaves a state out.

        Raises:
            GameError: unknown state, a weight that is negative or not finite, or no weight above 0.
        """
        if not isinstance(states, Mapping):
            names = self.resolve_states(states)
            return dict.fromkeys(names, 1.0 / len(names))
        weights: dict[str, float] = {}
        for pattern, weight in states.items():
            if not 0 <= weight <= MAX_WEIGHT:
                raise GameError(
                    f"{self.id}: weight of state {shortened(pattern)!r} must be 0 or more and finite "
                    f"(at most {MAX_WEIGHT:g}), not {weight}"
                )
            weights.update(dict.fromkeys(self.resolve_states(pattern), float(weight)))
        total = math.fsum(weights.values())
        if total <= 0:
            raise GameError(f"{self.id}: the states' weights sum to 0; give at least one a weight above 0")
        return {name: weight / total for name, weight in weights.items() if weight > 0}

    def state_index(self, state: str) -> int:
        """Return the position of ``state`` in ``states``.

        Raises:
            GameError: there is no such state.
        """
        try:
            return self.states.index(state)
        except ValueError:
            raise GameError(f"{self.id}: no state {shortened(state)!r}{suggestion(state, self.states)}") from None

    def state_bytes(self, state: str) -> bytes:
        """Return the raw emulator state named ``state`` (about 1 MB; the last 16 are kept in memory).

        Raises:
            GameError: there is no such state, or its file is none.
        """
        path = self.folder / f"{self.states[self.state_index(state)]}.state"
        return read_state(path, self.console.state_begins)

    def opponent(self, state: str) -> str:
        """Return the opponent's name for reports: from ``opponents``, else ``Name`` in ``Tier.Name-07``."""
        if state in self.opponents:
            return self.opponents[state]
        named = re.fullmatch(r"[^.]+\.(?P<name>[A-Za-z]+)-\d+", state)
        return named["name"] if named else state

    # -- files -----------------------------------------------------------------------------------------------

    @property
    def import_command(self) -> str:
        """The shell command that puts the ROM of a game of stable-retro's where the game looks for it."""
        name = self.aliases[0] if self.aliases else self.id
        if self.id in PACKAGED_ROMS:
            return f"pip install 'mk-lightning[games]' && mk-lightning import {name}"
        return "mk-lightning import FILE" + ("" if self.rom_sha1s else f" --game {name}")

    def rom_path(self) -> Path:
        """Return the ROM file, checked against ``rom_sha1s``.

        Raises:
            MissingRomError: there is no such file; the message says which one is wanted and where it goes.
            GameError: it is another ROM or none.
        """
        path = self.folder / self.console.rom_name
        sha1 = f", sha1 {' or '.join(self.rom_sha1s)}" if self.rom_sha1s else ""
        wanted = f"{self.title!r} (.{self.console.extension}{sha1})"
        if self.bundled and self.id in PACKAGED_ROMS:
            remedy = f"run `{self.import_command}`"
        elif self.bundled:
            remedy = f"get {wanted} and run `{self.import_command}`"
        else:
            remedy = f"put {wanted} there"
        if not path.is_file():
            missing = "its ROM is not imported" if self.bundled else f"no ROM at {path}"
            raise MissingRomError(f"{self.id}: {missing}: {remedy}")
        check_rom(path)
        if self.rom_sha1s and rom_sha1(path) not in self.rom_sha1s:
            raise GameError(f"{self.id}: {path} is another ROM (sha1 {rom_sha1(path)}): move it away and {remedy}")
        return path
