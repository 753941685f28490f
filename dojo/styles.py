"""Scripted players, one per opponent's weakness, and the tables that prove that the styles ask for different answers.

    python dojo/styles.py [--matches 30] [--write] [--json FILE]     (about an hour on two cores; it can be resumed)

Each player sees the RAM variables once per decision and answers with a row of the agent's own action table, held for
four frames with the attack buttons released in the last: what he can do, the agent can do.  ``--write`` puts the tables
into dojo/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from machine import ATTACKS, GAME, GROUND, OPPONENTS, STAGES, STATES, TIERS, Machine, state_name

from mk_lightning.games.catalog import load_game

DECISION = 4
"""Frames per decision."""
MAX_DECISIONS = 1500
"""A match still undecided after this many (100 s) is not a win."""

README = Path(__file__).with_name("README.md")
MARKS = ("<!-- styles.py: begin -->", "<!-- styles.py: end -->")


@dataclass(frozen=True)
class Fighter:
    """One side of what a player sees."""

    state: str
    attack: str
    stage: str
    height: int
    x: int
    cornered: bool

    @property
    def attacking(self) -> bool:
        """Whether a blow is on its way."""
        return self.state == "ATTACK" and self.stage != "RECOVERY"

    @property
    def recovering(self) -> bool:
        """Whether a blow has just gone by."""
        return self.state == "ATTACK" and self.stage == "RECOVERY"

    @property
    def guarding(self) -> bool:
        """Whether he holds his guard."""
        return self.state in ("GUARD", "CROUCH_GUARD")

    @property
    def down(self) -> bool:
        """Whether he cannot be hit."""
        return self.state in ("THROWN", "FALL", "LIE", "RISE")


class View:
    """What a player sees of one frame."""

    def __init__(self, values: dict[str, int]) -> None:
        self.me, self.foe = (self._fighter(values, prefix) for prefix in ("", "enemy_"))
        self.gap = abs(self.me.x - self.foe.x)
        self.forth, self.back = ("R", "L") if self.foe.x >= self.me.x else ("L", "R")
        self.shot_gap = 999
        """Pixels to a shot that comes nearer."""
        if values["enemy_shot_on"] and (values["enemy_shot_x"] > self.me.x) == (self.foe.x > self.me.x):
            self.shot_gap = abs(values["enemy_shot_x"] - self.me.x)
        self.shot_out = bool(values["shot_on"])

    @staticmethod
    def _fighter(values: dict[str, int], prefix: str) -> Fighter:
        x = values[f"{prefix}x_position"]
        return Fighter(
            state=STATES[values[f"{prefix}state"]],
            attack=ATTACKS[values[f"{prefix}attack"]],
            stage=STAGES[values[f"{prefix}stage"]],
            height=GROUND - values[f"{prefix}y_position"],
            x=x,
            cornered=x < 60 or x > 260,
        )


Player = Callable[[View], str]
"""Answers what it sees with an action by its name in the table."""


def guard_and_punish(v: View) -> str:
    """Bramble: keep the guard up, and hit after each of his blows."""
    if v.foe.recovering and v.gap <= 46:
        return "R+D+A"
    return "B"


def throw_the_guard(v: View) -> str:
    """Bulwark: walk up to him and throw."""
    return "A" if v.gap <= 38 and v.foe.guarding else v.forth


def over_the_sweep(v: View) -> str:
    """Scythe: never stand where he sweeps; jump in and kick."""
    if v.gap > 120:
        return v.forth
    return f"{v.forth}+U+C" if v.gap > 40 else f"{v.back}+U+C"


def under_the_shots(v: View) -> str:
    """Ember: walk in, duck under each shot, kick."""
    if v.shot_gap < 60:
        return f"{v.forth}+D"
    if v.gap <= 54 and not v.foe.height and not v.foe.down:
        return "Z"
    return v.forth


def from_below(v: View) -> str:
    """Kestrel: stay on the ground and meet him with the uppercut."""
    if v.foe.height and v.gap <= 60:
        return "R+D+A" if v.foe.height < 60 else "none"
    return "none"


def bait(v: View) -> str:
    """Heron: come near under guard, give him nothing to punish, throw."""
    if v.foe.attacking and v.gap < 90:
        return "B"
    return "A" if v.gap <= 38 and not v.foe.down else v.forth


def keep_away(v: View) -> str:
    """Grapnel: shots from afar, away from him, and from the corner a sweep."""
    if v.gap > 100 and not v.shot_out:
        return "Y"
    if v.me.cornered or v.me.state == "CROUCH":
        if v.gap < 86:
            return "C" if v.me.state == "CROUCH" and v.gap < 62 else f"{v.back}+D"
        return "none"
    return f"{v.back}+U" if v.gap < 80 else v.back


def read_him(v: View) -> str:
    """Mirage: whatever the moment asks for."""
    if v.foe.height:
        return from_below(v) if v.gap < 60 else "none"
    if v.shot_gap < 60:
        return f"{v.forth}+D"
    if v.foe.attacking and v.gap < 80:
        return "D+B" if v.foe.attack in ("SWEEP", "LOW_KICK") else "B"
    if v.foe.recovering and v.gap <= 46:
        return "R+D+A"
    if v.gap <= 38 and not v.foe.down:
        return "A"
    return v.forth


ANSWERS: tuple[Player, ...] = (
    *(guard_and_punish, throw_the_guard, over_the_sweep, under_the_shots),
    *(from_below, bait, keep_away, read_him),
)
"""The right answer to each opponent, in their order."""


@dataclass
class Arena:
    """A machine and the action table, with the buttons that each action holds for three frames and in the fourth."""

    machine: Machine

    def __post_init__(self) -> None:
        game = load_game("dojo")
        self.actions = game.actions
        self.held = {action: game.action_buttons(action) for action in game.actions}
        self.last = {
            action: tuple(button for button in buttons if button not in game.attack_buttons)
            for action, buttons in self.held.items()
        }

    def play(self, player: Player | None, tier: int, opponent: int, seed: int) -> tuple[float, int]:
        """Play one match; returns 1 if won, else 0, and the frames it took.  No player: a seeded random one."""
        machine, dice = self.machine, random.Random(seed)
        machine.load(state_name(tier, opponent), seed)
        for decision in range(MAX_DECISIONS):
            v = machine.values()
            if v["rounds_won"] == 2 or v["enemy_rounds_won"] == 2:
                return float(v["rounds_won"] == 2), decision * DECISION
            action = player(View(v)) if player else dice.choice(self.actions)
            machine.frames(DECISION - 1, *self.held[action])
            machine.frames(1, *self.last[action])
        return 0.0, MAX_DECISIONS * DECISION


Job = tuple[int, int, int, int]
"""Player (-1: random), tier, opponent (from 1), matches."""

Result = tuple[float, float]
"""Share of the matches won, and mean frames of a match."""

arena: Arena
"""The worker process's own, made by `_start`."""


def _start() -> None:
    global arena
    arena = Arena(Machine())


def _run(job: Job) -> tuple[Job, Result]:
    player, tier, opponent, matches = job
    answer = ANSWERS[player] if player >= 0 else None
    results = [arena.play(answer, tier, opponent, 1000 + n) for n in range(matches)]
    return job, (sum(won for won, _ in results) / matches, sum(frames for _, frames in results) / matches)


def measure(jobs: Sequence[Job], kept: Path, processes: int = 2) -> list[Result]:
    """Return the result of each job; those in the file `kept` are not played again, and new ones are added to it."""
    rom = hashlib.sha1((GAME / "rom.md").read_bytes()).hexdigest()
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    results: dict[Job, Result] = {tuple(line["job"]): tuple(line["result"]) for line in lines if line["rom"] == rom}
    missing = [job for job in jobs if job not in results]
    print(f"{len(jobs) - len(missing)} of {len(jobs)} pairings are in {kept}", flush=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with get_context("spawn").Pool(processes, _start) as pool, kept.open("a") as file:
        for number, (job, result) in enumerate(pool.imap_unordered(_run, missing), 1):
            results[job] = result
            print(json.dumps({"rom": rom, "job": job, "result": result}), file=file, flush=True)
            minutes = (time.monotonic() - began) / 60
            left = minutes / number * (len(missing) - number)
            print(f"{number}/{len(missing)} played, {minutes:.0f} min, about {left:.0f} min left", flush=True)
    return [results[job] for job in jobs]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, columns padded."""
    cells = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells)


def percent(rate: float) -> str:
    """A rate for people."""
    return f"{100 * rate:.0f}"


def main() -> None:
    """Measure and print, as asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--matches", type=int, default=30, help="per answer and opponent (default: %(default)s)")
    parser.add_argument("--random-matches", type=int, default=20, help="per opponent and tier (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the tables into dojo/README.md")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--kept", type=Path, default=Path("runs/styles.jsonl"), help="what has been played")
    args = parser.parse_args()

    numbers = range(1, len(OPPONENTS) + 1)
    medium = TIERS.index("Medium")
    answer_jobs = [(player, medium, opponent, args.matches) for player in range(len(ANSWERS)) for opponent in numbers]
    random_jobs = [(-1, tier, opponent, args.random_matches) for tier in range(len(TIERS)) for opponent in numbers]
    results = measure(answer_jobs + random_jobs, args.kept)
    n = len(OPPONENTS)
    rates = [rate for rate, _ in results]
    answers = [rates[i * n : (i + 1) * n] for i in range(n)]
    randoms = [rates[n * n + i * n : n * n + (i + 1) * n] for i in range(len(TIERS))]
    right = [answers[j][j] for j in range(n)]
    others = [sum(answers[i][j] for i in range(n) if i != j) / (n - 1) for j in range(n)]

    names = [f"{name}" for name in OPPONENTS]
    rows = [[player.__name__.replace("_", " "), *map(percent, answers[i])] for i, player in enumerate(ANSWERS)]
    rows += [["**the right answer**", *map(percent, right)], ["**the other seven, mean**", *map(percent, others)]]
    random_rows = [[tier, *map(percent, [*randoms[t], sum(randoms[t]) / n])] for t, tier in enumerate(TIERS)]
    rows += [["match with the right answer, s", *(f"{results[j * n + j][1] / 60:.0f}" for j in range(n))]]
    text = "\n".join(
        [
            f"Per cent of {args.matches} matches won at Medium, answer by opponent:",
            "",
            table(["answer", *names], rows),
            "",
            f"Per cent of {args.random_matches} matches won by a random player:",
            "",
            table(["tier", *names, "mean"], random_rows),
        ]
    )
    print(text)
    if args.write:
        before, rest = README.read_text().split(MARKS[0])
        README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")
    if args.json:
        figures = {"answers": answers, "right": right, "others": others, "random": randoms, "opponents": OPPONENTS}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
