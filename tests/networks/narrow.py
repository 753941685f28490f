"""A network whose learner_steps take no time."""

from __future__ import annotations

from functools import partial

from mk_lightning.networks.base import QNetworkCallable
from mk_lightning.networks.nature import SmallDueling


def narrow(hidden: int = 8) -> QNetworkCallable:
    """The smallest that ships, with a fully connected layer of `hidden` units."""
    return partial(SmallDueling, hidden=hidden)
