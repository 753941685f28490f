"""What an evaluation found: every match, and how it was fought; kept as a JSON file and a CSV table."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from mk_lightning.envs.config import EnvConfig
from mk_lightning.evaluation.match import Match, summarise
from mk_lightning.evaluation.tables import evaluation_table
from mk_lightning.experience.episodes import EpisodeRecord
from mk_lightning.games.game import Game
from mk_lightning.games.names import is_name
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.documents import parse_json, read_json
from mk_lightning.utils.errors import UserError, check_at_least, check_between, shortened
from mk_lightning.utils.files import find_file, sha256, write_text
from mk_lightning.utils.json_types import is_of

FORMAT = 3
"""Raised when a file of before could no longer be read."""

CELL = 16
"""Pixels along the edge of a cell of `positions`."""

MAX_POSITION = 10**9
"""In `positions`: cells, and env_steps in one."""


@dataclass(frozen=True)
class Evaluation:
    """Matches of one policy.

    Attributes:
        game: the game's id.
        policy: where the policy came from, for people: a checkpoint's path, say.
        sha256: of the checkpoint's file, in hexadecimal digits; empty where the policy came from none.
        epsilon: probability of a random action.
        env: what makes a match what it is, as `EnvConfig.episode_options` notes it; the reward where it is not the
            default.
        actions: names of the action table's rows.
        groups: states by group, those of which a match was played.
        matches: every match, in the order of its number.
        plays: what was played in each, for `played`: rows of the action table as little-endian uint16, compressed by
            zlib, in base64.
        action_counts: how often each row of the action table was played, by state.
        positions: how many env_steps the fighters spent in (own x, enemy's x), in cells of `CELL` pixels, by state;
            empty where the game's RAM does not tell.
    """

    game: str
    policy: str
    sha256: str
    epsilon: float
    env: dict[str, int | str]
    actions: list[str]
    groups: dict[str, list[str]]
    matches: list[Match]
    plays: list[str]
    action_counts: dict[str, list[int]]
    positions: dict[str, list[list[int]]]

    @classmethod
    def of(
        cls,
        records: Iterable[EpisodeRecord],
        game: Game,
        *,
        policy: str,
        epsilon: float,
        env: Mapping[str, int | str],
        groups: Mapping[str, Sequence[str]],
    ) -> Evaluation:
        """Sum up matches that were played; `policy` may name a file, from anywhere or as a shipped one is named."""
        matches: list[Match] = []
        plays: list[str] = []
        counts: dict[str, Any] = {}
        cells: dict[str, Counter[tuple[int, int]]] = {}
        for number, record in enumerate(records, 1):
            state, trace = record.spec.state, record.trace
            matches.append(summarise(record, game, number))
            plays.append(base64.b64encode(zlib.compress(trace.actions.astype("<u2").tobytes())).decode())
            counts[state] = counts.get(state, 0) + np.bincount(trace.actions, minlength=len(game.actions))
            if "x_position" in trace.variables and "enemy_x_position" in trace.variables:
                pairs = zip(trace.variables["x_position"], trace.variables["enemy_x_position"], strict=True)
                cells.setdefault(state, Counter()).update((int(x) // CELL, int(other) // CELL) for x, other in pairs)
        return cls(
            game=game.id,
            policy=policy,
            sha256=sha256(find_file(policy)),
            epsilon=epsilon,
            env=dict(env),
            actions=list(game.actions),
            groups={name: kept for name, states in groups.items() if (kept := [s for s in states if s in counts])},
            matches=matches,
            plays=plays,
            action_counts={state: count.tolist() for state, count in counts.items()},
            positions={state: [[*cell, n] for cell, n in sorted(c.items())] for state, c in cells.items()},
        )

    def __repr__(self) -> str:
        """Policy, game and outcome: the fields themselves are every action of every match."""
        won = sum(match.won for match in self.matches)
        return f"<Evaluation of {self.policy} in {self.game}: {won} of {len(self.matches)} matches won>"

    def __rich__(self) -> Table:
        """The table, for `rich.print`."""
        return evaluation_table(self)

    @property
    def config(self) -> EnvConfig:
        """How the matches were played, with the default reward: the class that a file names is not imported.

        Raises:
            UserError: a number is out of its range.
            TypeError: there is no such option.
        """
        return EnvConfig(**self._env_numbers)  # type: ignore[arg-type]

    @property
    def _env_numbers(self) -> dict[str, int | str]:
        return {name: value for name, value in self.env.items() if name != "reward"}

    @property
    def states(self) -> list[str]:
        """Every evaluated state, by group."""
        return [state for states in self.groups.values() for state in states]

    def of_state(self, state: str) -> list[Match]:
        """The matches of a state."""
        return [match for match in self.matches if match.state == state]

    def played(self, match: Match) -> NDArray[np.uint16]:
        """The actions of one of the matches, (env_steps,) rows of the action table.

        Raises:
            UserError: they are not there, in a file that was written by something else.
        """
        try:
            packed = base64.b64decode(self.plays[self.matches.index(match)])
            # No more than a match can hold: a few bytes may unpack to gigabytes.
            actions = np.frombuffer(zlib.decompressobj().decompress(packed, 2 * match.env_steps + 1), "<u2")
        except (ValueError, IndexError, zlib.error):
            actions = np.zeros(0, np.uint16)
        if len(actions) != match.env_steps or (actions >= len(self.actions)).any():
            raise UserError(f"{self.policy}: the actions of match {match.episode} cannot be read")
        return actions

    def score(self, states: Sequence[str]) -> StateScore:
        """Wins, returns and lengths over some states' matches together."""
        matches = [match for match in self.matches if match.state in states]
        return StateScore(
            wins=sum(match.won for match in matches),
            matches=len(matches),
            mean_return=float(np.mean([match.reward for match in matches])),
            mean_env_steps=float(np.mean([match.env_steps for match in matches])),
        )

    def scores(self) -> dict[str, StateScore]:
        """The score of each state."""
        return {state: self.score([state]) for state in self.states}

    def write(self, path: Path) -> None:
        """Write the JSON file, and beside it the matches as CSV with the same stem."""
        content = {"format": FORMAT, **asdict(self)}
        content["states"] = [
            {"state": state, "group": group, **asdict(self.score([state]))}
            for group, states in self.groups.items()
            for state in states
        ]
        write_text(path, json.dumps(content, indent=1) + "\n")
        write_matches(path.with_suffix(".csv"), self.matches)

    @classmethod
    def read(cls, path: Path) -> Evaluation:
        """Read what `write` wrote.

        Raises:
            UserError: no such file, or not an evaluation.
        """
        return cls._of(read_json(path, "evaluation"), path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Evaluation:
        """Read the text of what `write` wrote; `path` is for the message.

        Raises:
            UserError: it is not an evaluation.
        """
        return cls._of(parse_json(text, path, "evaluation"), path)

    @classmethod
    def _of(cls, content: Any, path: Path) -> Evaluation:
        not_one = f"{path} is not an evaluation, as a test or a fit writes it"
        version = content.get("format") if isinstance(content, dict) else None
        if version is None:
            raise UserError(not_one)
        if version != FORMAT:
            raise UserError(f"{path} has format {shortened(version)}, this version reads {FORMAT}")
        kinds, columns = get_type_hints(cls) | {"matches": list[dict[str, Any]]}, get_type_hints(Match)
        for name, kind in kinds.items():
            if name not in content:
                raise UserError(f"{not_one}: {name} is missing")
            if name != "matches" and not is_of(content[name], kind):
                raise UserError(f"{not_one}: {name} is of the wrong type")
        rows = content["matches"] if isinstance(content["matches"], list) else []
        for number, row in enumerate(rows, 1):
            fits = isinstance(row, dict) and row.keys() == columns.keys()
            if not (fits and all(is_of(row[name], kind) for name, kind in columns.items())):
                raise UserError(f"{not_one}: match {number} has not the columns of one, or wrong types")
        try:
            evaluation = cls(**{name: content[name] for name in kinds} | {"matches": [Match(**row) for row in rows]})
            evaluation._check()
        except (UserError, TypeError) as error:  # TypeError: an option that no environment has
            raise UserError(f"{not_one}: {error}") from None
        return evaluation

    def _check(self) -> None:
        """Check that the parts fit each other and that names are names: the file may come from anywhere.

        Raises:
            UserError: they do not, or are not.
        """
        reward = self.env.get("reward", "")
        if not is_of(self._env_numbers, dict[str, int]) or not (isinstance(reward, str) and reward.isprintable()):
            raise UserError("env is of the wrong type")
        max_env_steps = self.config.max_env_steps
        check_between("epsilon", self.epsilon, 0, 1)
        names = [self.game, *self.groups, *self.states]
        for name in names:
            if not is_name(name):
                raise UserError(f"{shortened(name)!r} is no name of a game, group or state")
        if self.game.endswith((".yaml", ".yml")):
            raise UserError(f"game must be the id of one, got {shortened(self.game)!r}")
        if not self.policy.isprintable() or len(self.policy) > 1000:
            raise UserError(f"policy {shortened(self.policy)!r} is not a line of text")
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise UserError(f"sha256 must be 64 hexadecimal digits or empty, got {shortened(self.sha256)!r}")
        if not 1 <= len(self.actions) <= 2**16 or not all(map(is_name, self.actions)):
            raise UserError("actions must be the names of a game's action table")
        played = {match.state for match in self.matches}
        if not all(self.groups.values()):
            raise UserError("a group has no states")
        if not played or len(self.states) != len(set(self.states)) or set(self.states) != played:
            raise UserError("the groups must name every state that was played, and each once")
        if len(self.plays) != len(self.matches):
            raise UserError(f"{len(self.plays):,} plays of {len(self.matches):,} matches")
        for match in self.matches:
            check_between(f"env_steps of match {match.episode}", match.env_steps, 1, max_env_steps)
            check_at_least(f"seed of match {match.episode}", match.seed, 0)
        for counts in self.action_counts.values():
            if len(counts) != len(self.actions) or min(counts) < 0 or not sum(counts):
                raise UserError("action_counts must have a count for each action, 0 or more")
        for cells in self.positions.values():
            if any(len(cell) != 3 or max(map(abs, cell)) > MAX_POSITION for cell in cells):
                raise UserError("positions must be (own x, enemy's x, env_steps)")
            if any(env_steps < 1 for _, _, env_steps in cells):
                raise UserError("positions must be of 1 env_step or more each")
        if self.action_counts.keys() != played or not self.positions.keys() <= played:
            raise UserError("action_counts and positions must be of the states that were played")


def write_matches(path: Path, matches: Sequence[Match]) -> None:
    """Write matches as CSV: a row each, truth values as 0 and 1, what is not known empty."""
    table = io.StringIO()
    writer = csv.DictWriter(table, [field.name for field in fields(Match)], lineterminator="\n")
    writer.writeheader()
    for match in matches:
        writer.writerow({name: _cell(value) for name, value in asdict(match).items()})
    write_text(path, table.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return round(value, 4) if isinstance(value, float) else value
