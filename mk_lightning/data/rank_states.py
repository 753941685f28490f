"""The states of all ranks in one checkpoint: rank 0's as a single process would have it, the others' beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mk_lightning.utils.ranks import Ranks

OTHERS = "other_ranks"
"""Key of the state: those of rank 1, 2, ..., each without what all have in common."""
OWN = ("segments", "replay", "collector", "loader")
"""Keys of what each rank has of the DataModule's state for itself."""


def with_others(ranks: Ranks, state: dict[str, Any], own: Iterable[str] = OWN) -> dict[str, Any]:
    """Return a state with that of every other rank; each of them has written its rows by then.

    Args:
        ranks: all of which call this.
        state: of this rank, its own part and what is common; or empty, as everyone's is.
        own: keys of a rank's own part.

    Raises:
        RankLost: another rank is gone.
    """
    if ranks.count == 1 or not state:
        return state
    states = ranks.gather({key: state[key] for key in own})
    return state | states[0] | {OTHERS: states[1:]}


def own_part(ranks: Ranks, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `with_others` returned with a rank's own part in the place of rank 0's."""
    others = state.get(OTHERS)
    return {**state, **others[ranks.rank - 1]} if ranks.rank and others else dict(state)


def segments_of(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the replay segments of all ranks that a state names; none where no replay was kept."""
    return [segment for part in (state, *state.get(OTHERS, ())) for segment in part.get("segments") or ()]
