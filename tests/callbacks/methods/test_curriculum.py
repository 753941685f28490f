from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import Callback

from mk_lightning.callbacks.methods.curriculum import Curriculum, Phase
from mk_lightning.data.settings import ReplaySettings
from mk_lightning.experience.replay import Priorities
from mk_lightning.experience.transition import Progress
from mk_lightning.games.catalog import load_game
from mk_lightning.utils.errors import UserError
from tests.callbacks.played import MATCH, NUM_ENVS, PER_BATCH, A, B, C, assert_resumed_equals_uninterrupted, fit
from tests.callbacks.played import new_data as played_data
from tests.callbacks.played import result as match


@pytest.fixture(scope="module")
def data():
    """Starts no emulator."""
    return played_data()


def play(curriculum: Curriculum, data, matches: list, first: int = PER_BATCH, between: int = 400) -> list[int]:
    """Give it a match a batch, the batches so far apart that each match began in its phase; the phase after each."""
    phases = []
    for number, result in enumerate(matches):
        env_steps = first + number * between
        curriculum.count([result], env_steps, data)
        phase = curriculum.next_phase(data.length.progress(env_steps))
        if phase != curriculum.phase:
            curriculum.enter(phase, env_steps)
        phases.append(curriculum.phase)
    return phases


def series(outcomes: str) -> list:
    """W for a match won, l for one lost."""
    return [match(A, won=outcome == "W") for outcome in outcomes]


# -- ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "phases"),
    [
        ("WWWW", [0, 0, 0, 1]),
        ("WWW", [0, 0, 0]),
        ("lWlWWW", [0, 0, 0, 0, 1, 1]),
        ("llllllllWWW", [0] * 10 + [1]),
        ("WWWWWWWW", [0, 0, 0, 1, 1, 1, 1, 2]),
        ("WWWWlWWWWW", [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]),
        ("WWWW" * 4, [0, 0, 0, 1, 1, 1, 1] + [2] * 9),
    ],
)
def test_a_phase_ends_with_the_win_rate_of_its_own_last_matches(data, outcomes, phases):
    """Three of four; the window is filled anew in every phase, and the last one does not end."""
    three_of_four: dict[str, Any] = {"win_rate": 0.75, "matches": 4}
    curriculum = Curriculum([Phase([A], **three_of_four), Phase([B], **three_of_four), Phase([C], matches=4)])
    assert play(curriculum, data, series(outcomes)) == phases


def test_a_phase_ends_with_the_mean_return(data):
    curriculum = Curriculum([Phase([A], mean_return=50.0, matches=2), Phase([B])])
    returns = [100.0, -1.0, 90.0, 9.0, 91.0]
    assert play(curriculum, data, [match(A, total=total) for total in returns]) == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("lengths", [(100, 50), (0.5, 0.25)])
def test_a_phase_ends_with_its_length_counted_from_its_own_beginning(lengths):
    """In env_steps, or as a fraction of a run of 200."""
    curriculum = Curriculum([*(Phase([A], env_steps=length) for length in lengths), Phase([C])])
    seen = []
    for env_steps in range(8, 200, 8):
        phase = curriculum.next_phase(Progress(env_steps, 40, 200))
        if phase != curriculum.phase:
            curriculum.enter(phase, env_steps)
            seen.append((env_steps, phase))
    assert seen == [(104, 1), (160, 2)]


def test_whichever_end_comes_first(data):
    phases = [Phase([A], env_steps=1000, win_rate=1.0, mean_return=300.0, matches=2), Phase([B])]
    by_length, by_wins, by_return = Curriculum(phases), Curriculum(phases), Curriculum(phases)
    assert play(by_length, data, series("lWlWlW")) == [0, 0, 0, 1, 1, 1]
    assert play(by_wins, data, series("WW")) == [0, 1]
    assert play(by_return, data, [match(A, total=300.0)] * 2) == [0, 1]


# -- back again --------------------------------------------------------------------------------------------------------


def test_a_phase_that_is_too_hard_gives_way_to_the_one_before(data):
    """And that one is judged anew, by its own number of matches; from the first there is no way back."""
    phases = [Phase([A], win_rate=0.6, matches=2), Phase([B], matches=4)]
    curriculum = Curriculum(phases, step_back=0.5)
    expected = {
        "llWW": [0, 0, 0, 1],
        "lllW": [1, 1, 1, 0],
        "lWW": [0, 0, 1],
        "WWll": [1, 1, 1, 1],
        "l": [0],
        "ll": [0, 0],
    }
    phases_after = [phase for part in expected.values() for phase in part]
    assert play(curriculum, data, series("".join(expected))) == phases_after


def test_without_step_back_it_never_goes_back(data):
    curriculum = Curriculum([Phase([A], win_rate=1.0, matches=2), Phase([B], matches=2)])
    assert play(curriculum, data, series("WW" + "l" * 20)) == [0] + [1] * 21


# -- which matches count -----------------------------------------------------------------------------------------------


def test_only_matches_that_began_in_the_phase_count(data):
    """Of a state that both phases know, too. The slack is the collection under way when the phase changed."""
    curriculum = Curriculum([Phase([A], env_steps=1), Phase([A, B], matches=100)])
    curriculum.enter(1, 1000)
    for env_steps in range(1008, 1200, PER_BATCH):
        before = len(curriculum.recent)
        curriculum.count([match(A), match(B), match(A, env_steps=1)], env_steps, data)
        began = {length: env_steps - PER_BATCH - NUM_ENVS * length for length in (MATCH, 1)}  # at the earliest
        expected = 2 * (began[MATCH] >= 1000 + PER_BATCH) + (began[1] >= 1000 + PER_BATCH)
        assert len(curriculum.recent) - before == expected
    assert 0 < before < 3 * (1200 - 1008) // PER_BATCH


def test_every_match_since_the_start_of_the_run_counts_in_the_first_phase(data):
    curriculum = Curriculum([Phase([A], win_rate=1.0, matches=3), Phase([B])])
    curriculum.count([match(A, env_steps=1500)] * 2, PER_BATCH, data)
    assert len(curriculum.recent) == 2


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "options", "message"),
    [
        ([], {}, "phases must be at least 2, got 0"),
        ([Phase([A])], {}, "at least 2, got 1; for one, set ExperienceDataModule.train_states"),
        ([Phase([A]), Phase([B])], {}, "phase 1 never ends; give it env_steps, win_rate or mean_return"),
        ([Phase([A], env_steps=9), Phase([B]), Phase([C])], {}, "phase 2 never ends"),
        ([Phase([A], env_steps=9), Phase([B], win_rate=0.5)], {}, "nothing follows the last phase; leave out its win_"),
        ([Phase([A], env_steps=9), Phase([B], env_steps=9, mean_return=1)], {}, "its env_steps and mean_return"),
        ([Phase([A], env_steps=9), Phase([B])], {"step_back": 0.0}, "step_back must be above 0 and below 1, got 0.0"),
        ([Phase([A], win_rate=0.4), Phase([B])], {"step_back": 0.4}, "step_back 0.4 must be below .* lowest is 0.4"),
    ],
)
def test_refuses(phases, options, message):
    with pytest.raises(UserError, match=message) as error:
        Curriculum(phases, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"states": []}, "states of a phase is empty"),
        ({"env_steps": 0}, "env_steps of a phase must be a whole number of env_steps, 1 or more, or .* got 0"),
        ({"env_steps": 1.5}, "env_steps of a phase must be .* at most 1.0, got 1.5"),
        ({"win_rate": 1.01}, "win_rate of a phase must be above 0 and at most 1, got 1.01"),
        ({"win_rate": 0.0}, "win_rate of a phase must be above 0"),
        ({"mean_return": float("nan")}, "mean_return of a phase must be a finite number, got nan"),
        ({"matches": 0}, "matches of a phase must be between 1 and 100,000, got 0"),
    ],
)
def test_a_phase_refuses(options, message):
    with pytest.raises(UserError, match=message):
        Phase(**{"states": [A]} | options)


@pytest.mark.parametrize(
    ("states", "nearest"),
    [
        (["Hard.Kestrel-5"], "Hard.Kestrel-05"),
        ({"orignal": 1.0}, "VeryEasy"),
        (["challenging", "Hard.Hern-06"], "Hard.Heron-06"),
    ],
)
def test_a_misspelt_state_in_a_later_phase_stops_the_run_before_anything_is_played(tmp_path, states, nearest):
    curriculum = Curriculum([Phase(["original"], env_steps=100), Phase(states)])
    with pytest.raises(UserError, match="no state") as error:
        fit(tmp_path, curriculum)
    assert "\n" not in str(error.value)
    assert nearest in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_a_phase_that_is_no_more_is_refused():
    three = Curriculum([Phase([A], env_steps=9), Phase([B], env_steps=9), Phase([C])])
    three.enter(2, 1000)
    with pytest.raises(UserError, match="the checkpoint is in phase 3, but phases has 2"):
        Curriculum([Phase([A], env_steps=9), Phase([B])]).load_state_dict(three.state_dict())


# -- a run -------------------------------------------------------------------------------------------------------------


def new_curriculum() -> Curriculum:
    """A, then by matches A and B, then by length C: whose matches are cut off, so their mean return is what it is."""
    return Curriculum(
        [
            Phase(["original"], mean_return=-1e6, matches=5),
            Phase({"original": 1.0, B: 3.0}, env_steps=100),
            Phase([C], matches=4),
        ]
    )


def test_a_run_plays_its_phases_and_resumes_exactly(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        batches = assert_resumed_equals_uninterrupted(tmp_path, new_curriculum, 12)
    finished = [(state["phase"], env_steps, name) for env_steps, names, state in batches for name in names]
    began = [min(env_steps for env_steps, _, state in batches if state["phase"] == phase) for phase in (0, 1, 2)]
    in_phase = [[name for _, env_steps, name in finished if first < env_steps] for first in began]
    assert began[2] - began[1] == 104
    assert {name for _, env_steps, name in finished if env_steps <= began[1]} == {A}, "another than the first phase's"
    assert {name for name in in_phase[1] if name not in in_phase[2]} <= {A, B}
    assert B in in_phase[1]
    # What began before the last change is played to its end, and only what began after it counts.
    strangers = sum(name != C for name in in_phase[2])
    assert 0 < strangers <= 2 * NUM_ENVS
    assert set(in_phase[2][strangers:]) == {C}
    assert 0 < len(batches[-1][2]["recent"]) <= len(in_phase[2]) - strangers
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("curriculum: phase")]
    assert lines[0] == f"curriculum: phase 1 of 3: {A}"
    assert any(line.startswith("curriculum: phase 1 ends at ") for line in lines)
    assert f"curriculum: phase 2 of 3: {A}, {B}" in lines


def test_without_it_a_resumed_run_plays_the_states_of_its_config(tmp_path):
    fit(tmp_path, Curriculum([Phase([A], env_steps=200), Phase([A, B])]), train_states=[C])
    batches, *_ = fit(tmp_path, Callback(), tmp_path / "step=12.ckpt", train_states=[C])
    played = [name for _, names, _ in batches for name in names]
    strangers = played.count(A)
    assert 0 < strangers <= 2 * NUM_ENVS, "what was under way is played to its end, and no more"
    assert set(played[strangers:]) == {C}


def test_a_change_of_phase_changes_nothing_but_the_states(tmp_path):
    """Not what is learnt from the batch at which it comes: its TD errors still become priorities."""
    replay = ReplaySettings(capacity=300, batch_size=4, priorities=Priorities(alpha=1.0, beta=1.0))
    same = Curriculum([Phase([A, B], env_steps=100), Phase([A, B], env_steps=50), Phase([A, B])])
    with_changes, weights, figures = fit(tmp_path / "changes", same, replay=replay)
    without, expected, _ = fit(tmp_path / "none", Callback(), train_states=[A, B], replay=replay)
    assert with_changes[-1][2]["phase"] == 2
    assert figures["curriculum/phase"] == 3
    assert [batch[:2] for batch in with_changes] == [batch[:2] for batch in without]
    assert all(torch.equal(one, other) for one, other in zip(weights, expected, strict=True))


# -- the shipped overlays ----------------------------------------------------------------------------------------------

CONFIGS = Path(__file__).parents[3] / "configs"


def shipped(game: str, name: str) -> tuple[list[list[str]], dict[str, list[str]]]:
    """The states of each phase of an overlay, and the groups of the config that it goes with."""
    (entry,) = yaml.safe_load((CONFIGS / game / name).read_text())["trainer"]["callbacks+"]
    phases = [Phase(**phase) for phase in entry["init_args"].pop("phases")]
    Curriculum(phases, **entry["init_args"])
    data, known = yaml.safe_load((CONFIGS / game / "finetune.yaml").read_text())["data"], load_game(game)
    groups = {group: data[f"{group}_states"] for group in ("original", "challenging")}
    states = [[name for given in phase.states for name in groups.get(given, [given])] for phase in phases]
    return [list(known.resolve_states(names)) for names in states], groups


@pytest.mark.parametrize("game", ["dojo", "mk2"])
def test_the_shipped_phases_are_the_guide_s(game):
    phases, groups = shipped(game, "progressive.yaml")
    original, challenging = groups["original"], groups["challenging"]
    assert phases == [original + challenging[:1], original + challenging[:3], challenging]


def test_the_shipped_curriculum_of_the_dojo_leads_up_to_the_challenging_states():
    phases, groups = shipped("dojo", "curriculum.yaml")
    opponents = [{state.partition(".")[2] for state in phase} for phase in phases]
    assert all(named == opponents[-1] for named in opponents)
    assert phases[-1] == groups["challenging"]


def test_the_shipped_curriculum_of_mk2_is_the_seed_s():
    ladder = ["Level1.LiuKangVsJax", *(f"VeryEasy.LiuKang-{number:02}" for number in range(2, 9))]
    assert shipped("mk2", "curriculum.yaml")[0] == [ladder[:3], ladder[:5], ladder[:8]]
