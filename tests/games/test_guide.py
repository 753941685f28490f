"""The guide runs from its first heading to its last, under Mortal Kombat II's names, and does what it says.

The game is the stand-in of `tests/standin.py`. Its matches are decided by the clock, a second after they begin: the
fighter wins those that it is to keep, and loses those that it is to learn.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import mk_lightning as mk
from mk_lightning.games.catalog import load_game
from mk_lightning.utils.files import sha256
from tests.games.guide import (
    AS_CONFIGURED,
    BASE,
    CONFIG,
    ENV_STEPS,
    FINETUNED,
    LOST,
    ROOT,
    SMALL,
    WON,
    Fit,
    Section,
    Seen,
    Walk,
    as_options,
    read_guide,
)
from tests.games.overlay_checks import ALL, OVERLAYS, draws_originals, holds_to_the_base
from tests.standin import decide_soon, mk2_standin

FIT = "mk-lightning fit -c configs/mk2/finetune.yaml"


def pretrain(walk: Walk, section: Section) -> None:
    config, checkpoint = re.findall(r"`(configs/mk2/\S+)` comes first, its `(\S+)`", section.text)[0]
    walk.fit(f"mk-lightning fit -c {config}")
    assert checkpoint == CONFIG["model"]["init_from"] == BASE
    assert f"`{FINETUNED}`" in section.text
    assert Path(BASE).is_file()


def weaknesses_are_found(walk: Walk, section: Section) -> None:
    test, weak = section.commands
    walk.run(test, **AS_CONFIGURED)
    scores = mk.Evaluation.read(Path("runs/mk2-finetune-test/evaluation_epsilon_0.json")).scores()
    assert {state: score.win_rate for state, score in scores.items()} == dict.fromkeys(WON, 1) | dict.fromkeys(LOST, 0)
    walk.run(weak)
    overlay = yaml.safe_load(Path("weak.yaml").read_text())
    assert sorted(overlay["data"]["challenging_states"]) == sorted(LOST)
    assert sorted(overlay["data"]["original_states"]) == sorted(WON)
    assert sha256(overlay["model"]["init_from"]) == sha256(BASE)


def basic(walk: Walk, section: Section) -> None:
    fit = walk.fit(section.commands[0], **AS_CONFIGURED)
    assert fit.path == Path("runs/mk2-finetune")
    before, after = (mk.Evaluation.read(fit.path / f"{name}.json") for name in ("before", "after"))
    assert before.groups == {"original": WON, "challenging": LOST}
    assert [(m.state, m.seed) for m in before.matches] == [(m.state, m.seed) for m in after.matches]
    assert Seen.last.played
    assert Seen.last.played <= set(LOST)
    assert fit.learnt() == ALL
    assert "before" in fit.said
    assert "data:video/mp4" in (fit.path / "report.html").read_text(), "of the stand-in, whose id is another game's"
    assert any(line.startswith("initialised from") or "matched" in line for line in fit.logged), fit.logged
    assert fit.config["data"]["max_env_steps"] == ENV_STEPS == fit.column("env_steps")[-1] - warmed_up(fit)


def warmed_up(fit: Fit) -> float:
    """env_steps before the first learner_step's."""
    first = min(steps for steps in fit.column("env_steps") if steps > 0)
    return first - float(SMALL["data.env_steps_per_learner_step"])


def the_checkpoint_is_loaded(walk: Walk, section: Section) -> None:
    (fragment,) = section.fragments
    run = Fit(Path("runs/mk2-finetune"), "", [])
    assert fragment["model"] == {"init_from": run.config["model"]["init_from"]}
    before = mk.Evaluation.read(run.path / "before.json")
    assert (before.policy, before.sha256) == (BASE, sha256(BASE))


def states_are_chosen(walk: Walk, section: Section) -> None:
    groups, weakest = section.fragments
    dojo = yaml.safe_load((ROOT / "configs/dojo/finetune.yaml").read_text())["data"]
    assert groups["data"] == {key: dojo[key] for key in groups["data"]}
    assert groups["data"].keys() <= CONFIG["data"].keys()
    assert "`mk-lightning states mk2`" in section.text
    listed = walk.run("mk-lightning states mk2")
    assert all(state in listed for state in load_game(walk.game).states)
    walk.fit(FIT, **AS_CONFIGURED | as_options(weakest))
    assert len(Seen.last.drawn) == 2
    assert set(Seen.last.drawn) < set(LOST)


def evaluation_is_configured(walk: Walk, section: Section) -> None:
    (fragment,) = section.fragments
    fit = walk.fit(FIT, "--monitor=val/return/challenging", **as_options(fragment))
    with (fit.path / "evaluations.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["when"] == "validation"]
    asked = fragment["data"]["evaluation"]
    assert {int(row["matches"]) for row in rows} == {asked["matches"]}
    returns = fit.column("val/return/challenging")
    when = list(dict.fromkeys(int(row["env_steps"]) for row in rows))
    assert when == [0, *(int(warmed_up(fit) + ENV_STEPS * asked["every"] * n) for n in (1, 2, 3, 4))]
    best = torch.load(fit.path / "checkpoints" / "best.ckpt", weights_only=True)["env_steps"]
    assert returns[when.index(best)] == max(returns)


def training_goes_on(walk: Walk, section: Section) -> None:
    short, resumed = section.commands
    stopped = walk.train(short, learner_steps=4)
    fit = walk.fit(resumed)
    assert fit.path == stopped.path
    (said,) = [line for line in fit.logged if line.startswith(f"resuming {fit.path}")]
    begun = int(re.findall(r"at env_step (\d+)", said)[0])
    env_steps = [steps for steps in fit.column("env_steps") if steps > 0]
    assert env_steps == sorted(env_steps)
    assert env_steps[0] < begun < env_steps[-1] == warmed_up(fit) + ENV_STEPS
    assert sorted(fit.column("learning_rate"), reverse=True) == fit.column("learning_rate"), "went on"


FEW_SAMPLES = "--trainer.callbacks.init_args.samples=8"
"""Of EWC, where it is the last method."""


def one_overlay(overlay: str, walk: Walk, section: Section) -> None:
    (command,) = section.commands
    assert command == f"{FIT} -c configs/mk2/{overlay}.yaml"
    OVERLAYS[overlay](walk.fit(command))


def a_table_of_overlays(walk: Walk, section: Section) -> None:
    for together in section.overlays:
        together.sort(key=lambda overlay: overlay == "ewc")
        overlays = " ".join(f"-c configs/mk2/{overlay}.yaml" for overlay in together)
        fit = walk.train(f"{FIT} {overlays}", *([FEW_SAMPLES] if "ewc" in together else []))
        for overlay in together:
            OVERLAYS[overlay](fit)


def overlays_add_up(walk: Walk, section: Section) -> None:
    a_table_of_overlays(walk, section)
    paths, names = section.commands
    assert walk.config(paths)[0] == walk.config(names)[0]
    both = walk.fit(names, FEW_SAMPLES)
    draws_originals(both)
    holds_to_the_base(both)
    assert any("changes what" in line for line in walk.config(f"{FIT} -m rehearsal -m recommended")[1])
    runs = sorted(Path("runs").iterdir())
    for refused in ("-m weight-decay -m l2", "-m ewc -c configs/mk2/finetune.yaml"):
        with pytest.raises(SystemExit) as stop:
            walk.run(f"{FIT} -m mixed {refused}")
        assert stop.value.code == 2, refused
    assert sorted(Path("runs").iterdir()) == runs, "something was begun"


def success_is_evaluated(walk: Walk, section: Section) -> None:
    compare, *tests, last = section.commands
    printed = walk.run(compare)
    for question in ("Better on the challenging states?", "Original states kept?", "Overall?", "Another way to fight?"):
        assert question in printed
    for test in tests:
        walk.run(test)
    assert "challenging" in walk.run(last)
    (alone,) = re.findall(r"`(--data\.challenging_states null)`", section.text)
    walk.run(tests[0], *alone.split())
    (folder,) = sorted(Path("runs").glob("base-test-2"))
    assert mk.Evaluation.read(folder / "evaluation_epsilon_0.json").groups == {"original": WON[:1]}


def the_workflow_is_complete(walk: Walk, section: Section) -> None:
    where, weak, fit, compare, next_weak, next_fit = section.commands
    walk.run(where)
    walk.run(weak)
    first = walk.fit(fit, **AS_CONFIGURED)
    assert Seen.last.rehearsed == {0.125}, "the recommended recipe's"
    assert first.path == Path("runs/mine")
    assert "Original states kept?" in walk.run(compare)
    walk.run(next_weak)
    second = walk.fit(next_fit, **AS_CONFIGURED)
    assert second.path == Path("runs/mine-2")
    assert sha256(second.config["model"]["init_from"]) == sha256(first.path / "checkpoints" / "best.ckpt")
    tiny: dict[str, Any] = {}
    for name, value in SMALL.items():
        *path, key = name.split(".")
        part = tiny
        for step in path:
            part = part.setdefault(step, {})
        part[key] = value
    tiny["model"]["network"]["class_path"] = "mk_lightning.NatureDueling"
    Path("tiny.yaml").write_text(yaml.safe_dump(tiny))
    assert 'game="mk2"' in section.text
    small = partial(mk.finetune, game=str(walk.game), recipe=["recommended", "tiny.yaml"])
    names: dict[str, Any] = {"mk": SimpleNamespace(finetune=small)}
    exec(section.python, names)
    result = names["result"]
    assert result.run_dir == Path("runs/mine-4")
    assert result.comparison.before.groups == {"original": WON[:1], "challenging": LOST[:1]}


def practices_are_followed(walk: Walk, section: Section) -> None:
    named = set(re.findall(r"`([\w-]+\.yaml)`", section.text))
    assert {"guard.yaml", "checkpoints.yaml"} < named
    assert all((ROOT / "configs/mk2" / name).is_file() for name in named)
    fit = walk.fit(
        f"{FIT} -m guard -m checkpoints",
        "--trainer.callbacks.init_args.every_n_train_steps=4",
        **{"trainer.logger": "true"},
    )
    assert len(fit.column("forgetting/mean")) == 1
    assert fit.config["monitor"] == "val/kept"
    assert {path.name for path in (fit.path / "checkpoints").glob("step=*")} == {f"step={n}.ckpt" for n in (4, 8)}
    assert list((fit.path / "tensorboard").rglob("events.*"))


def remedies_can_be_given(walk: Walk, section: Section) -> None:
    config, _ = walk.config(FIT)
    for option in re.findall(r"`((?:data|model|trainer)\.[\w.]+)`", section.text):
        value: Any = config
        for key in option.split("."):
            assert key in value, option
            value = value[key]
    given = " ".join(re.findall(r"`(--[^`]+)`", section.text))
    changed, _ = walk.config(f"{FIT} {given} --model.target_every null --model.target_tau 0.005")
    assert changed["data"]["replay"]["priorities"]["alpha"] == 0.6
    assert changed["trainer"]["accelerator"] == "auto"


HEADINGS: dict[str, Callable[[Walk, Section], None]] = {
    "Fine-tuning a fighter": pretrain,
    "When to fine-tune": weaknesses_are_found,
    "Basic usage": basic,
    "The process": lambda walk, section: None,
    "1. Select a pre-trained model": the_checkpoint_is_loaded,
    "2. Define challenging states": states_are_chosen,
    "3. Adjust the learning rate": partial(one_overlay, "lr-adaptive"),
    "4. Optionally freeze early layers": partial(one_overlay, "freeze"),
    "5. Configure evaluation": evaluation_is_configured,
    "6. Continue training": training_goes_on,
    "Customizing": a_table_of_overlays,
    "Advanced techniques": overlays_add_up,
    "Evaluating success": success_is_evaluated,
    "Example: a complete workflow": the_workflow_is_complete,
    "Best practices": practices_are_followed,
    "When it does not work": remedies_can_be_given,
}
"""What each heading promises, in the page's order."""


def test_the_guide_runs_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sections = read_guide()
    assert [section.heading for section in sections] == list(HEADINGS)
    folder = tmp_path / "game"
    folder.mkdir()
    walk = Walk(mk2_standin(folder), caplog)
    decide_soon(folder, won=WON, lost=LOST)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for section in sections:
        HEADINGS[section.heading](walk, section)
