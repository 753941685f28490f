"""Round after round of fine-tuning, until every opponent is won or one resists."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from mk_lightning.checkpointing.lock import RunLock
from mk_lightning.evaluation.climb import RECORD, Climb, Round
from mk_lightning.evaluation.evaluate import evaluate
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.experience.match_seeds import MAX_TEST_SEED
from mk_lightning.games.catalog import load_game
from mk_lightning.utils.errors import RunStopped, UserError, check_at_least, check_between
from mk_lightning.utils.files import as_named, check_directory, find_file, sha256, write_text
from mk_lightning.utils.run_files import LOCK
from mk_lightning.workflows.finetuning import FineTuned, finetune
from mk_lightning.workflows.process import run_process
from mk_lightning.workflows.recipe import config_files, read_recipe

__all__ = ["ladder"]

log = logging.getLogger(__name__)

KEPT_MARGIN = 0.05
"""Of the original states' mean win rate: a round that loses more is not kept."""
MAY_GROW = ("target", "rounds", "budget")
"""Arguments that may differ when a ladder goes on."""


def ladder(
    checkpoint: str | Path,
    game: str = "dojo",
    *,
    states: str | Sequence[str] | None = None,
    target: float = 0.9,
    rounds: int = 6,
    budget: int | None = None,
    at_once: int = 2,
    matches: int = 20,
    recipe: str | Path | Sequence[str | Path] = "recommended",
    env_steps: int | None = None,
    run_dir: str | Path = "runs/ladder",
    seed: int = 1,
) -> Climb:
    """Fine-tune a policy round after round until it wins every state.

    Each round is a `finetune` from what the rounds before made of the policy: those of the lost states that are nearest
    to being won are challenging, what is won is original, and other lost states are left for later. A round is kept
    if, in its own test matches, it gained on the challenging states and lost no more than five points on the
    original ones; else the policy stays as it was, and other states are tried, then these one by one. The ladder ends
    when every state reaches the target, when the rounds or the budget are spent, or when only states are left that
    resisted.

    After each round the policy plays matches of the ladder's own, which decide what the next round is for and nothing
    else: they fill the matrix of rounds by states.

    The same call goes on where it was stopped, exactly; one that has ended is only read, unless `target`, `rounds` or
    `budget` have grown. In `run_dir` are `ladder.json`, `ladder.html` and a directory for each round.

    Args:
        checkpoint: the policy to begin with, as for `finetune`.
        game: id, alias or path of a `game.yaml`.
        states: names, tiers or patterns of all states that it is about; None takes those of the game's config.
        target: win rate that every state is to reach.
        rounds: at most so many.
        budget: env_steps of all rounds together, at most; None sets no bound.
        at_once: challenging states of a round, at most.
        matches: of each state, after every round; fewer than the recipe's also bound those of the rounds themselves.
        recipe: as for `finetune`.
        env_steps: of each round; None takes the config's. No more are recorded of the base policy's play.
        run_dir: directory of the ladder.
        seed: of the first round; each has the next one.

    Raises:
        UserError: an argument cannot be used, or the directory has another ladder.
        RunStopped: a round was stopped; the same call goes on.

    Example:
        >>> climb = ladder("checkpoints/dojo-base.ckpt", target=0.8, rounds=3)  # doctest: +SKIP
        >>> rich.print(climb)  # doctest: +SKIP
    """
    check_directory("run_dir", run_dir)
    check_between("target", target, 0.01, 1)
    for name, value in {"rounds": rounds, "at_once": at_once, "matches": matches}.items():
        check_at_least(name, value, 1)
    for name, count in {"budget": budget, "env_steps": env_steps}.items():
        if count is not None:
            check_at_least(name, count, 1)
    folder = Path(run_dir)
    recipes = [recipe] if isinstance(recipe, (str, Path)) else list(recipe)
    with run_process():
        asked = _Asked(checkpoint, game, states, recipes, env_steps)
        arguments: dict[str, Any] = {
            "checkpoint": as_named(find_file(checkpoint)),
            "sha256": sha256(find_file(checkpoint)),
            "game": game,
            "states": asked.states,
            "target": target,
            "rounds": rounds,
            "budget": budget,
            "at_once": at_once,
            "matches": matches,
            "recipe": [str(part) for part in recipes],
            "env_steps": asked.env_steps,
            "seed": seed,
        }
        climb = _found(folder, arguments)
        if climb is None or not climb.ended:
            with _held(folder), _one_group(folder.name):
                climb = _found(folder, arguments) or Climb(folder, arguments)  # another may have gone on meanwhile
                _climb(climb, asked, recipes)
    return climb


class _Asked:
    """What the recipe makes of the arguments."""

    def __init__(
        self, checkpoint: str | Path, game: str, states: str | Sequence[str] | None, recipes: Sequence[str | Path],
        env_steps: int | None,
    ) -> None:  # fmt: skip
        named = None if states is None else list(load_game(game).resolve_states(states))
        if named is not None and len(named) < 2:
            raise UserError(f"ladder: states must name at least two, got {', '.join(named)}; finetune is for one")
        changes: dict[str, Any] = {
            "model.init_from": str(checkpoint),
            "data.game": game,
            "data.max_env_steps": env_steps,
        }
        if named is not None:  # only to read the recipe: who is which is decided before each round
            changes |= {"data.original_states": named[1:], "data.challenging_states": named[:1]}
        files = config_files(game, recipes, states_given=named is not None)
        made = read_recipe(files, {name: value for name, value in changes.items() if value is not None})
        self.game = made.data.game
        self.id = game
        self.env = made.data.env
        self.env_steps = made.data.length.env_steps
        self.recorded = made.data.recording.env_steps
        self.evaluation = made.data.evaluation
        self.states = named or [state for group in made.data.state_groups.values() for state in group]

    def overlay(self, number: int, matches: int) -> dict[str, Any]:
        """What a round has beside the recipe: test matches of its own, and no more effort than the ladder asks for."""
        evaluation = {
            "test_seed": number % MAX_TEST_SEED,
            "matches": min(matches, self.evaluation.matches),
            "test_matches": min(matches, self.evaluation.test_matches),
        }
        return {"data": {"recording": {"env_steps": min(self.recorded, self.env_steps)}, "evaluation": evaluation}}

    def measure(self, checkpoint: str | Path, matches: int, path: Path) -> Evaluation:
        """Play the ladder's own matches, unless it has been done."""
        with contextlib.suppress(UserError):
            done = Evaluation.read(path)
            if done.sha256 == sha256(find_file(checkpoint)):
                return done
        log.info(f"measuring {checkpoint}: {matches} match{'es' * (matches > 1)} of each of {len(self.states)} states")
        found = evaluate(checkpoint, self.game, self.states, matches=matches, seed=MAX_TEST_SEED, env=self.env)
        found.write(path)
        return found


def _found(folder: Path, arguments: dict[str, Any]) -> Climb | None:
    """The ladder in a directory, as far as it has come; None where there is none.

    Raises:
        UserError: it is another one's.
    """
    if not (folder / RECORD).is_file():
        return None
    climb = Climb.read(folder)
    for name, value in arguments.items():
        had = climb.arguments.get(name)
        if had != value and name not in MAY_GROW:
            raise UserError(f"{folder} is a ladder with {name} {had}, not {value}; another run_dir begins one")
    if any(climb.arguments[name] != arguments[name] for name in MAY_GROW):
        climb.arguments, climb.ended = arguments, ""
    return climb


def _climb(climb: Climb, asked: _Asked, recipes: Sequence[str | Path]) -> None:
    """Play rounds until there is a reason to end."""
    arguments, folder = climb.arguments, climb.folder
    if not climb.rows:
        _save(climb)  # or what is measured next would be files of nobody's
        first = asked.measure(arguments["checkpoint"], arguments["matches"], folder / "round-0.json")
        _add_row(climb, first)
        _save(climb)
    while not climb.ended:
        climb.ended = climb.why_end()
        if not climb.ended:
            _round(climb, asked, recipes)
        _save(climb)


def _round(climb: Climb, asked: _Asked, recipes: Sequence[str | Path]) -> None:
    arguments, folder, number = climb.arguments, climb.folder, len(climb.rounds) + 1
    challenging = climb.next_challenging()
    original = climb.original(challenging)
    kept_states = ", ".join(original) or "nothing, for the policy wins none yet"
    log.info(f"round {number}: {', '.join(challenging)}; to keep: {kept_states}")
    overlay = folder / f"round-{number}.yaml"
    write_text(overlay, yaml.safe_dump(asked.overlay(number, arguments["matches"])))
    try:
        result = finetune(
            climb.checkpoint,
            asked.id,
            challenging=challenging,
            original=original,
            recipe=[*recipes, overlay],
            env_steps=asked.env_steps,
            run_dir=folder / f"round-{number}",
            resume=True,
            seed=arguments["seed"] + number - 1,
        )
    except RunStopped as stopped:
        told = RunStopped(f"{str(stopped).partition('; ')[0]}; the same ladder goes on from there")
        told.exit_code = stopped.exit_code
        raise told from stopped
    kept, why = judge(result, challenging, original)
    log.info(f"round {number}: {'kept' if kept else 'not kept'}, {why}")
    if kept:
        _add_row(climb, asked.measure(result.checkpoint, arguments["matches"], folder / f"round-{number}.json"))
    run_dir = str(result.run_dir.relative_to(folder))
    climb.rounds.append(Round(number, challenging, original, asked.env_steps, kept, why, run_dir))


def judge(result: FineTuned, challenging: Sequence[str], original: Sequence[str]) -> tuple[bool, str]:
    """Whether a round is kept, and why.

    Args:
        result: of the round's fine-tuning; its own test matches decide.
        challenging: the states that it was for.
        original: those that it was to keep.
    """
    gain = result.comparison.over(challenging)
    said = f"challenging {gain.before:.0%} -> {gain.after:.0%}"
    if original:
        loss = result.comparison.over(original)
        said += f", original {loss.before:.0%} -> {loss.after:.0%}"
        if loss.change < -KEPT_MARGIN - 1e-9:
            return False, f"{said}: it forgets"
    return gain.change > 0, said if gain.change > 0 else f"{said}: no gain"


def _add_row(climb: Climb, evaluation: Evaluation) -> None:
    scores = [evaluation.scores()[state] for state in climb.states]
    climb.rows.append([score.win_rate for score in scores])
    climb.returns.append([score.mean_return for score in scores])


def _save(climb: Climb) -> None:
    from mk_lightning.evaluation.report.ladder_page import write_ladder_page  # matplotlib takes half a second to load

    content = {"arguments": climb.arguments, "rounds": [asdict(one) for one in climb.rounds], "rows": climb.rows,
               "returns": climb.returns, "ended": climb.ended, "figures": climb.figures()}  # fmt: skip
    write_text(climb.folder / RECORD, json.dumps(content, indent=1) + "\n")
    if climb.rows:
        write_ladder_page(climb.folder / "ladder.html", climb)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep others out of a ladder's directory, which is made if it is not there.

    Raises:
        UserError: another process has it, or something else is there.
    """
    if folder.is_dir() and not (folder / RECORD).is_file() and any(path.name != LOCK for path in folder.iterdir()):
        raise UserError(f"{folder} has files but no {RECORD}: another run_dir begins a ladder")
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _one_group(name: str) -> Iterator[None]:
    """Let W&B show the rounds as one group, unless the user has named another."""
    given = os.environ.get("WANDB_RUN_GROUP")
    os.environ.setdefault("WANDB_RUN_GROUP", name)
    try:
        yield
    finally:
        if given is None:
            os.environ.pop("WANDB_RUN_GROUP", None)
