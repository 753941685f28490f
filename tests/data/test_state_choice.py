from __future__ import annotations

import json

import pytest

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.state_choice import weakest
from mk_lightning.utils.errors import UserError

SCORES = {
    "VeryEasy.Bramble-01": {"wins": 9, "matches": 10, "mean_return": 300.0},
    "VeryEasy.Bulwark-02": {"wins": 1, "matches": 10, "mean_return": -50.0},
    "VeryEasy.Scythe-03": {"wins": 1, "matches": 10, "mean_return": -90.0},
}


@pytest.fixture
def before(tmp_path):
    path = tmp_path / "before.json"
    path.write_text(json.dumps({"states": [{"state": s, **score} for s, score in SCORES.items()]}))
    return path


def test_the_lowest_win_rate_comes_first_and_the_lower_return_of_a_tie(before):
    assert weakest(f"weakest 2 of {before}") == ["VeryEasy.Scythe-03", "VeryEasy.Bulwark-02"]


def test_of_a_before_after_file_the_scores_after_count(tmp_path):
    path = tmp_path / "before_after.json"
    flipped = {s: score | {"wins": 10 - score["wins"]} for s, score in SCORES.items()}
    path.write_text(json.dumps({"states": [{"state": s, "before": SCORES[s], "after": flipped[s]} for s in SCORES]}))
    assert weakest(f"weakest 1 of {path}") == ["VeryEasy.Bramble-01"]


@pytest.mark.parametrize("words", ["VeryEasy.Bramble-01", "weakest", "weakest two of x.json", "VeryEasy.*"])
def test_other_words_are_no_such_phrase(words):
    assert weakest(words) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [("weakest 4 of {}", "N must be 1 to 3"), ("weakest 0 of {}", "N must be 1 to 3"), ("weakest 1 of {}x", "no file")],
)
def test_what_cannot_be_used_is_said_in_one_line(before, words, message):
    with pytest.raises(UserError, match=message):
        weakest(words.format(before))


def test_another_json_file_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('["a"]')
    with pytest.raises(UserError, match="holds no scores"):
        weakest(f"weakest 1 of {path}")


def test_the_data_module_takes_it_where_it_takes_states(before):
    data = ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01"], train_states=["original", f"weakest 1 of {before}"]
    )
    assert data.train_states == {"VeryEasy.Bramble-01": 0.5, "VeryEasy.Scythe-03": 0.5}


def test_a_group_in_a_mapping_gives_its_weight_to_each_of_its_states():
    data = ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01", "VeryEasy.Bulwark-02"],
        challenging_states=["Medium.Heron-06"],
        train_states={"challenging": 2, "original": 1},
    )
    assert data.train_states == {"VeryEasy.Bramble-01": 0.25, "VeryEasy.Bulwark-02": 0.25, "Medium.Heron-06": 0.5}
