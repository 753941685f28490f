from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import lgamma
from typing import Any

import numpy as np
import pytest
import rich
from scipy.spatial.distance import jensenshannon

from mk_lightning.evaluation.answers import answers, cut_off, repeated
from mk_lightning.evaluation.behaviour import Behaviour, js_divergence, side_by_side
from mk_lightning.evaluation.compare import Change, Comparison, in_points
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.games.catalog import load_game
from mk_lightning.metrics.intervals import mean_interval, paired_interval
from mk_lightning.utils.errors import UserError
from tests.evaluation.records import record

GAME = load_game("dojo")
A, B, C = "VeryEasy.Bramble-01", "VeryEasy.Bulwark-02", "Hard.Heron-06"
GROUPS = {"original": [A, B], "challenging": [C]}
MATCHES = 40


def evaluation(won: dict[str, int], first: int = 0, actions: list[int] | None = None, **options) -> Evaluation:
    """Of each state the matches from `first` on are won, `won` of them."""
    records = [
        record(actions or [0], state, seed, won=first <= seed < first + won[state])
        for seed in range(MATCHES)
        for state in (A, B, C)
    ]
    settings: dict[str, Any] = {"policy": "x.ckpt", "epsilon": 0.0, "env": {"frame_skip": 4}, "groups": GROUPS}
    found = Evaluation.of(records, GAME, **settings | options)
    return replace(found, plays=[f"match {number}" for number in range(len(records))])


BEFORE = evaluation({A: 40, B: 30, C: 4})
AFTER = evaluation({A: 20, B: 31, C: 36}, first=2, policy="y.ckpt")


def test_matches_are_paired_by_seed():
    comparison = Comparison(BEFORE, AFTER)
    change = comparison.state(B)  # won before: 0 to 29; after: 2 to 32
    assert (change.before, change.after) == (30 / 40, 31 / 40)
    assert change.interval == paired_interval(28, 3, 2, 7)


def test_the_order_of_the_matches_does_not_matter():
    turned = replace(AFTER, matches=AFTER.matches[::-1])
    assert Comparison(BEFORE, turned).state(B) == Comparison(BEFORE, AFTER).state(B)


def test_rich_print_shows_the_table(capsys):
    rich.print(Comparison(BEFORE, AFTER))
    printed = capsys.readouterr().out
    assert "y.ckpt beside x.ckpt: 40 matches a state" in printed
    assert "Evaluation(" not in printed


def test_verdicts():
    comparison = Comparison(BEFORE, AFTER)
    assert [comparison.state(s).verdict for s in (A, B, C)] == ["worse", "same within noise", "better"]
    assert Comparison(BEFORE, BEFORE).over([A, B, C]).verdict == "same within noise"


@pytest.mark.parametrize("matches", [1, 2, 4, 5, 10, 20, 50])
def test_of_policies_that_are_equal_it_says_so_in_95_of_100_comparisons(matches):
    """Exact: every outcome, weighted with its probability, over policies that win from 5 to 95 % and agree from not at
    all beyond chance to nearly always."""
    n = matches
    cells = product(range(n + 1), repeat=3)
    outcomes = np.array([(*some, n - sum(some)) for some in cells if sum(some) <= n])
    same = np.array([Change.of_pairs(*map(int, o)).verdict not in {"better", "worse"} for o in outcomes])
    log_factorial = np.array([lgamma(k + 1) for k in range(n + 1)])
    log_ways = log_factorial[n] - log_factorial[outcomes].sum(1)
    right = []
    for rate, agreement in product((0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95), (0.0, 0.3, 0.6, 0.9)):
        both = rate * rate + agreement * rate * (1 - rate)
        shares = np.log([both, rate - both, rate - both, 1 - 2 * rate + both])
        right.append(float(np.exp(log_ways + outcomes @ shares) @ same))
    assert min(right) >= 0.95


@pytest.mark.parametrize(("states", "matches"), [(4, 1), (8, 1), (4, 5), (8, 5), (4, 10)])
def test_of_groups_that_are_equal_it_says_so_in_95_of_100_comparisons(states, matches):
    rng = np.random.default_rng(0)
    tables = rng.multinomial(matches, [0.25] * 4, (2000, states))  # either wins half of its matches
    verdicts = [Change.mean([Change.of_pairs(*map(int, t)) for t in group]).verdict for group in tables]
    wrong = (verdicts.count("better") + verdicts.count("worse")) / len(verdicts)
    assert wrong <= 0.05
    assert matches == 1 or wrong > 0.005  # it does speak up


@pytest.mark.parametrize(
    ("change", "said"), [(0.425, "+42"), (0.42500000000000004, "+42"), (-0.005, "-0"), (-1, "-100")]
)
def test_a_half_is_the_same_however_it_was_computed(change, said):
    assert in_points(change) == said


def test_few_matches_that_turn_are_chance():
    """The interval of two pairs that both turned, on two states more of the same, is above 0 all the same."""
    change = Change.mean([Change.of_pairs(0, 1, 0, 0)] * 2 + [Change.of_pairs(1, 0, 0, 0)] * 2)
    assert change.interval[0] > 0
    assert change.verdict == "too few matches to tell"


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ((10, 0, 0, 0), "same within noise"),  # [-28, +28]
        ((8, 0, 0, 0), "too few matches to tell"),  # [-32, +32]
        ((7, 0, 3, 0), "too few matches to tell"),  # -30 [-60, +4]
        ((0, 0, 1, 1), "too few matches to tell"),  # -50
        ((5, 0, 5, 0), "too few matches to tell"),  # -50 [-76, -12], and five of five may turn one way by chance
        ((4, 0, 6, 0), "worse"),
        ((45, 0, 5, 0), "too few matches to tell"),  # -10 [-21, -1]: an interval without 0 is not the same
    ],
)
def test_a_loss_is_the_same_only_where_a_large_one_would_have_shown(pairs, verdict):
    change = Change.of_pairs(*pairs)
    assert change.verdict == verdict
    low, high = change.interval
    assert verdict != "same within noise" or (low <= 0 <= high and max(-low, high) < 0.3)


def test_a_group_is_the_mean_of_its_states():
    comparison = Comparison(BEFORE, AFTER)
    change = comparison.over([A, B])
    states = [comparison.state(s) for s in (A, B)]
    assert (change.before, change.after) == (pytest.approx(70 / 80), pytest.approx(51 / 80))
    assert change.interval == mean_interval([s.change for s in states], [s.interval for s in states])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(AFTER, game="Other-v0"), "game Dojo-Genesis-v0 beside Other-v0"),
        (replace(AFTER, epsilon=0.05), "exploration rate 0.0 beside 0.05"),
        (replace(AFTER, env=AFTER.env | {"frame_skip": 8}), "environment frame_skip 4 beside frame_skip 8"),
        (
            replace(AFTER, env=AFTER.env | {"reward": "own.Hits(bonus=3)"}),
            r"environment reward mk_lightning.envs.rewards.DamageReward\(\) beside reward own.Hits\(bonus=3\)",
        ),
        (replace(AFTER, actions=AFTER.actions[:-1]), "action MODE beside none"),
        (replace(AFTER, groups={"original": [A]}), "state Hard.Heron-06 beside none"),
        (replace(AFTER, matches=AFTER.matches[:-1]), f"match {C} seed 39 beside none"),
    ],
)
def test_what_was_not_played_alike_is_refused(other, message):
    with pytest.raises(UserError, match=message) as error:
        Comparison(BEFORE, other)
    assert "\n" not in str(error.value)


def test_a_gate_counts_the_mean_of_the_originals_and_states_that_are_surely_worse():
    comparison = Comparison(BEFORE, AFTER)  # originals -24, A -50
    assert [line.split(":")[0] for line in comparison.lost(5)] == ["original", A]
    assert [line.split(":")[0] for line in comparison.lost(30)] == [A]
    assert comparison.lost(60) == []
    assert Comparison(AFTER, BEFORE).lost(5) == [f"{C}: {Comparison(AFTER, BEFORE).state(C)}"]


def test_a_gate_lets_pass_what_loses_no_more_than_allowed():
    """Of 0.875 - 0.925 floating point makes a little more than 5 points."""
    before, after = (evaluation({A: won, B: won, C: 0}) for won in (37, 35))
    assert 100 * Comparison(before, after).over([A, B]).change < -5
    assert Comparison(before, after).lost(5) == []
    assert [line.split(":")[0] for line in Comparison(before, after).lost(4.9)] == ["original"]


def test_the_four_questions_are_answered():
    asked = {answer.question: answer.text for answer in answers(Comparison(BEFORE, AFTER))}
    assert len(asked) == 4
    better, kept, overall, behaviour = asked.values()
    assert better.startswith("10% -> 90% (+80 points")
    assert "Better: Hard.Heron-06 +80." in better
    assert "worse" in kept
    assert "Worse: VeryEasy.Bramble-01 -50." in kept
    assert overall.startswith("62% -> 72%")
    assert "differ by 0.00 bits" in behaviour


def test_without_groups_their_questions_are_not_asked():
    alone = [replace(e, groups={"all": [A, B, C]}) for e in (BEFORE, AFTER)]
    assert [answer.question for answer in answers(Comparison(*alone))] == ["Overall?", "Another way to fight?"]


def test_a_change_of_behaviour_is_told():
    guard, punch = GAME.action_index("B"), GAME.action_index("A")
    one, other = (
        evaluation({A: 9, B: 9, C: 9}, actions=[guard] * 4),
        evaluation({A: 9, B: 9, C: 9}, actions=[punch, guard]),
    )
    told = answers(Comparison(one, other))[-1].text
    assert "B -50" in told
    assert "A +50" in told
    assert "decisions that attack 0% -> 50%" in told
    assert "decisions that guard 100% -> 50%" in told


def test_figures_of_one_side_alone_are_told():
    """Who has never won has no length of a match that is won; what neither side knows is left out."""
    lost, won = evaluation({A: 0, B: 0, C: 0}), evaluation({A: 40, B: 40, C: 40}, actions=[0, 0])
    assert side_by_side(lost, won)["env_steps to win"] == ("none", "2")
    assert side_by_side(lost, won)["env_steps to lose"] == ("1", "none")
    assert not any("distance" in name for name in side_by_side(lost, won))
    told = answers(Comparison(lost, won))[-1].text
    assert "env_steps to win none -> 2; env_steps to lose 1 -> none" in told


@pytest.mark.parametrize("seed", range(5))
def test_the_divergence_equals_scipy_s(seed):
    p, q = np.random.default_rng(seed).dirichlet([0.3] * 26, 2)
    assert js_divergence(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_the_divergence_s_ends():
    assert js_divergence([0.5, 0.5, 0], [0.5, 0.5, 0]) == 0
    assert js_divergence([1, 0], [0, 1]) == 1


def test_means_of_what_never_happened_are_not_known():
    behaviour = Behaviour.of(evaluation({A: 0, B: 0, C: 0}), [A, B])
    assert behaviour.env_steps_won is None
    assert behaviour.distance is None


def cut(matches: int) -> Evaluation:
    """The matches won in `BEFORE`, the first ones of each state cut off."""
    short = [replace(match, truncated=match.seed < matches) for match in BEFORE.matches]
    return replace(BEFORE, matches=short, env={"max_env_steps": 1500})


def test_matches_cut_off_are_named_where_they_are_many():
    assert cut_off(cut(0)) == cut_off(cut(3)) == ""
    said = cut_off(replace(cut(5), groups={"challenging": [C]}))
    assert said == (
        "Hard.Heron-06 5 of 40 were cut off at 1,500 env_steps and count as lost; "
        "a higher data.env.max_env_steps lets them be decided."
    )
    told = answers(Comparison(cut(3), cut(5)))[-1]
    assert told.question == "Matches fought to the end?"
    assert told.text.startswith("Before: yes. After: VeryEasy.Bramble-01 5 of 40, VeryEasy.Bulwark-02 5 of 40, Hard")


def same(matches: int) -> Evaluation:
    """Of the state C so many matches, all of them lost, were played alike."""
    alike = [f"match {m.seed}" if m.state != C or m.seed < 40 - matches else "once" for m in BEFORE.matches]
    return replace(BEFORE, plays=alike)


def test_matches_that_are_one_and_the_same_are_told():
    assert repeated(same(0)) == repeated(same(8)) == ""
    said = repeated(same(19))
    assert said.startswith(f"only so many matches differ: {C} 22 of 40; their intervals are too narrow. ")
    told = answers(Comparison(same(0), same(19)))[-1]
    assert (told.question, told.text) == ("Every match another?", f"Before: yes. After: {said}")


def test_the_same_actions_in_different_matches_are_no_repetition():
    apart = [replace(match, damage_dealt=match.seed) for match in BEFORE.matches]
    assert repeated(replace(same(40), matches=apart)) == ""
