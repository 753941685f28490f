"""The buttons that an action holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mk_lightning.games.game import Game

__all__ = ["button_masks"]


def button_masks(game: Game) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Return the held buttons of each action, for the frames with the attack buttons and without.

    Each is (n_buttons,) uint8, 1 for a button that is held, in the order of ``game.buttons``.
    """
    held, released = [], []
    for action in game.actions:
        pressed = game.action_buttons(action)
        held.append(np.array([b in pressed for b in game.buttons], np.uint8))
        kept = set(pressed) - set(game.attack_buttons)
        released.append(np.array([b in kept for b in game.buttons], np.uint8))
    return held, released
