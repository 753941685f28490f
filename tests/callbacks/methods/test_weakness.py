from __future__ import annotations

import pytest

from mk_lightning.callbacks.methods.curriculum import Curriculum, Phase
from mk_lightning.callbacks.methods.weakness import WeaknessTargeting, loss_probabilities
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.callbacks.played import A, B, C, assert_resumed_equals_uninterrupted, fit
from tests.callbacks.played import new_data as played_data
from tests.learning.batches import new_trainer
from tests.networks.narrow import narrow

# -- the rule ----------------------------------------------------------------------------------------------------------


def test_states_not_met_yet_are_equally_likely():
    assert loss_probabilities({A: [], B: [], C: []}, 0.1) == pytest.approx(dict.fromkeys([A, B, C], 1 / 3))


def test_the_formula_written_out():
    recent = {A: [True] * 8, B: [False] * 8, C: [True, False, False]}
    rates = {A: 1 / 10, B: 9 / 10, C: 3 / 5}
    weights = {state: 0.2 + 0.8 * rate for state, rate in rates.items()}
    total = sum(weights.values())
    assert loss_probabilities(recent, 0.2) == pytest.approx({state: w / total for state, w in weights.items()})


@pytest.mark.parametrize("floor", [0.0, 0.1, 0.9])
def test_more_losses_are_drawn_more_often_and_none_is_left_out(floor):
    found = loss_probabilities({A: [True] * 1000, B: [True, False] * 500, C: [False] * 1000}, floor)
    assert 0 < found[A] < found[B] < found[C]
    assert sum(found.values()) == pytest.approx(1.0)
    assert found[A] / found[C] == pytest.approx(floor, abs=0.002)


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"floor": 1.0}, "floor must be at least 0 and below 1, got 1.0"),
        ({"floor": -0.1}, "floor must be at least 0"),
        ({"matches": 0}, "matches must be between 1 and 100,000, got 0"),
        ({"every": 0}, "every must be a whole number of env_steps, 1 or more, or .* got 0"),
        ({"every": 1.5}, "every must be .* at most 1.0, got 1.5"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        WeaknessTargeting(**options)


def test_refuses_weights_that_are_not_its_own():
    data = played_data(train_states={A: 1, B: 2})
    with pytest.raises(UserError, match=r"give ExperienceDataModule\.train_states as a list, without any") as error:
        WeaknessTargeting().check(DuelingDoubleDQN(network=narrow(8)), data, [])
    assert "\n" not in str(error.value)


def test_it_and_a_curriculum_exclude_each_other(tmp_path):
    curriculum = Curriculum([Phase([A], env_steps=9), Phase([B])])
    for callbacks in ([curriculum, WeaknessTargeting()], [WeaknessTargeting(), curriculum]):
        trainer = new_trainer(tmp_path, *callbacks)
        with pytest.raises(UserError, match="both choose the training states"):
            trainer.fit(DuelingDoubleDQN(network=narrow(8)), played_data())


# -- a run -------------------------------------------------------------------------------------------------------------


def test_a_run_draws_what_it_loses_and_resumes_exactly(tmp_path):
    batches = assert_resumed_equals_uninterrupted(
        tmp_path, lambda: WeaknessTargeting(floor=0.0, matches=6, every=60), 12
    )
    assert {state["computed"] for _, _, state in batches} == {0, 64, 128, 192, 256}
    before = {A: 1 / 3, B: 1 / 3, C: 1 / 3}
    played: dict[str, list[bool]] = {A: [], B: [], C: []}
    previous = 0
    for env_steps, finished, state in batches:
        for name in finished:
            played[name].append(False)  # cut off, so not won
        if state["computed"] != previous:
            previous = state["computed"]
            assert previous == env_steps
            before = loss_probabilities({name: won[-6:] for name, won in played.items()}, 0.0)
        assert state["probabilities"] == pytest.approx(before)
        assert state["recent"] == {name: won[-6:] for name, won in played.items()}


def test_of_a_single_state_it_plays_every_match_and_says_so(tmp_path, caplog):
    """The commonest case after an evaluation: one opponent is left that is lost to."""
    with caplog.at_level("INFO", logger="mk_lightning"):
        batches, _, figures = fit(tmp_path, WeaknessTargeting(every=60), train_states=[B])
    assert {name for _, finished, _ in batches for name in finished} == {B}
    assert figures[f"weakness/{B}"] == 1.0
    assert caplog.text.count(f"nothing to choose: every training match is of {B}") == 1


def test_a_state_that_is_hardly_ever_lost_is_hardly_ever_drawn(tmp_path):
    """The matches really are drawn by the probabilities: those of a checkpoint hold from the first match on."""
    callback = WeaknessTargeting(every=10**6)
    callback.load_state_dict({"recent": {}, "probabilities": {A: 1e-9, B: 1 - 2e-9, C: 1e-9}, "computed": 0})
    batches, _, figures = fit(tmp_path, callback)
    assert {name for _, finished, _ in batches for name in finished} == {B}
    assert {name for name in figures if name.startswith("weakness/")} == {f"weakness/{name}" for name in (A, B, C)}
    assert figures[f"weakness/{B}"] == pytest.approx(1.0)
