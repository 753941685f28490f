"""The questions that a fine-tuning is judged by, answered in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mk_lightning.evaluation.behaviour import Behaviour, js_divergence
from mk_lightning.evaluation.compare import Comparison, Verdict

MOST_ACTIONS = 4
"""Actions named of those whose share changed most."""


def answers(comparison: Comparison) -> list[tuple[str, str]]:
    """Pairs of question and answer.

    Improvement on the challenging states, maintenance of the original ones, the overall change, and the change of
    behaviour. A question about states that were not evaluated is left out.
    """
    groups = comparison.before.groups
    asked = []
    if "challenging" in groups:
        asked.append(("Better on the challenging states?", _of_group(comparison, groups["challenging"])))
    if "original" in groups:
        asked.append(("Original states kept?", _of_group(comparison, groups["original"])))
    asked.append(("Overall?", f"{comparison.over(comparison.before.states)}."))
    asked.append(("Another way to fight?", _of_behaviour(comparison)))
    return asked


def _of_group(comparison: Comparison, states: Sequence[str]) -> str:
    changes = {state: comparison.state(state) for state in states}

    def those(verdict: Verdict) -> str:
        named = [f"{s} {100 * c.change:+.0f}" for s, c in changes.items() if c.verdict == verdict]
        return f" {verdict.capitalize()}: {', '.join(named)}." if named else ""

    return f"{comparison.over(states)}.{those('better')}{those('worse')}"


def _of_behaviour(comparison: Comparison) -> str:
    states = comparison.before.states
    before, after = (Behaviour.of(e, states) for e in (comparison.before, comparison.after))
    shift = after.actions - before.actions
    changed = [k for k in np.argsort(-np.abs(shift))[:MOST_ACTIONS] if abs(shift[k]) >= 0.005]
    actions = ", ".join(f"{comparison.before.actions[k]} {100 * shift[k]:+.0f}" for k in changed)
    divergence = js_divergence(before.actions, after.actions)
    said = f"Actions differ by {divergence:.2f} bits (Jensen-Shannon; 0 the same, 1 nothing in common)"
    if actions:
        said += f": {actions} points"
    one, other = before.described(), after.described()
    figures = [f"{name} {one[name]} -> {other[name]}" for name in one if other.get(name, one[name]) != one[name]]
    return "; ".join([said, *figures]) + "."
