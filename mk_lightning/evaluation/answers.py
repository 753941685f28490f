"""The questions that a fine-tuning is judged by, answered in words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from rich.text import Text

from mk_lightning.evaluation.behaviour import Behaviour, js_divergence, side_by_side
from mk_lightning.evaluation.compare import Comparison, Verdict, in_points
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.tables import text_console

QUESTIONS = {"challenging": "Better on the challenging states?", "original": "Original states kept?"}
"""By group."""

MAX_ACTIONS = 4
"""Actions named of those whose share changed most."""

FEW_DIFFER = 0.8
"""Share of a state's matches below which it is said that too few of them differ."""

MANY_CUT_OFF = 0.1
"""Share of a state's matches from which on it is said that they were cut off."""


class Answer(NamedTuple):
    """A question and what the matches say."""

    question: str
    text: str
    verdict: Verdict | None
    """None where neither is better."""


def answers(comparison: Comparison) -> list[Answer]:
    """Answer what a fine-tuning is judged by.

    Improvement on the challenging states, maintenance of the original ones, the overall change, and the change of
    behaviour. A question about states that were not evaluated is left out; whether matches were cut off, or the same as
    others, is only asked where many were.
    """
    asked = []
    for group, question in QUESTIONS.items():
        if states := comparison.before.groups.get(group):
            asked.append(Answer(question, _of_group(comparison, states), comparison.over(states).verdict))
    overall = comparison.over(comparison.before.states)
    asked.append(Answer("Overall?", f"{overall}.", overall.verdict))
    asked.append(Answer("Another way to fight?", _of_behaviour(comparison), None))
    before, after = cut_off(comparison.before), cut_off(comparison.after)
    if before or after:
        asked.append(Answer("Matches fought to the end?", f"Before: {before or 'yes.'} After: {after or 'yes.'}", None))
    before, after = repeated(comparison.before), repeated(comparison.after)
    if before or after:
        asked.append(Answer("Every match another?", f"Before: {before or 'yes.'} After: {after or 'yes.'}", None))
    return asked


def show_answers(comparison: Comparison) -> None:
    """Print them on stdout, on a terminal wrapped between words."""
    console = text_console(soft_wrap=not sys.stdout.isatty())
    for answer in answers(comparison):
        console.print(Text.assemble((answer.question, "bold"), f" {answer.text}"))


def repeated(evaluation: Evaluation) -> str:
    """Name the states of which many matches are one and the same, action by action; empty where there are none.

    A match of a deterministic policy that begins as another did goes on as it did: it tells nothing new.
    """
    named = []
    for state in evaluation.states:
        fought = [
            (play, replace(match, episode=0, seed=0))
            for match, play in zip(evaluation.matches, evaluation.plays, strict=True)
            if match.state == state
        ]
        if (differ := len(set(fought))) < FEW_DIFFER * len(fought):
            named.append(f"{state} {differ} of {len(fought)}")
    if not named:
        return ""
    return (
        f"only so many matches differ: {', '.join(named)}; their intervals are too narrow. "
        "A higher data.env.max_noops or a test with exploration makes them differ."
    )


def cut_off(evaluation: Evaluation) -> str:
    """Name the states of which many matches were cut off; empty where there are none.

    Such a match counts as lost, whoever was ahead: the win rates of a fighter who wins by the clock are then too low.
    """
    named = []
    for state in evaluation.states:
        matches = evaluation.of_state(state)
        n_cut = sum(match.truncated for match in matches)
        if n_cut >= MANY_CUT_OFF * len(matches):
            named.append(f"{state} {n_cut} of {len(matches)}")
    if not named:
        return ""
    limit = evaluation.config.max_env_steps
    return (
        f"{', '.join(named)} were cut off at {limit:,} env_steps and count as lost; "
        "a higher data.env.max_env_steps lets them be decided."
    )


def _of_group(comparison: Comparison, states: Sequence[str]) -> str:
    changes = {state: comparison.state(state) for state in states}

    def those(verdict: Verdict) -> str:
        named = [f"{s} {in_points(c.change)}" for s, c in changes.items() if c.change and c.verdict == verdict]
        return f" {verdict.capitalize()}: {', '.join(named)}." if named else ""

    open_ = those("too few matches to tell") if len(states) > 1 else ""
    return f"{comparison.over(states)}.{those('better')}{those('worse')}{open_}"


def _of_behaviour(comparison: Comparison) -> str:
    states = comparison.before.states
    before, after = (Behaviour.of(e, states) for e in (comparison.before, comparison.after))
    shift = after.actions - before.actions
    changed = [k for k in np.argsort(-np.abs(shift))[:MAX_ACTIONS] if abs(shift[k]) >= 0.005]
    actions = ", ".join(f"{comparison.before.actions[k]} {in_points(shift[k])}" for k in changed)
    divergence = js_divergence(before.actions, after.actions)
    said = f"Actions differ by {divergence:.2f} bits (Jensen-Shannon; 0 the same, 1 nothing in common)"
    if actions:
        said += f": {actions} points"
    both = side_by_side(comparison.before, comparison.after)
    figures = [f"{name} {one} -> {other}" for name, (one, other) in both.items() if one != other]
    return "; ".join([said, *figures]) + "."
