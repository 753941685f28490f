"""Draw what the agent did and thought beside what it saw."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mk_lightning.playback.rerun import Moment, Screen
from mk_lightning.playback.saliency import Insight

SCALE = 2
"""Pixels of the film for one of the console."""
PANEL = 256
"""Width of the panel beside the screen, pixels."""
ROWS = 12
"""Actions listed, those of the highest Q-values."""

BACK, TEXT, MUTED, BAR, CHOSEN, OWN, ENEMY = (
    (20, 24, 27), (232, 236, 238), (150, 160, 168), (60, 72, 82), (90, 169, 230), (74, 222, 128), (249, 112, 102),
)  # fmt: skip


class Panel:
    """Draws frames of a film: the console's screen, and a panel with action, Q-values, value and health.

    Args:
        actions: names of the action table's rows.
        full_health: what a full bar of health stands for, RAM units.
        title: first line of the panel.
    """

    def __init__(self, actions: Sequence[str], full_health: int, title: str) -> None:
        self.actions = actions
        self.full_health = full_health
        self.title = title

    def frames(self, moment: Moment, insight: Insight | None) -> list[Screen]:
        """The frames of an env_step, (H, W, 3) uint8 RGB."""
        if not moment.screens:
            return []
        height, width = moment.screens[0].shape[:2]
        panel = self._panel(moment, insight, height * SCALE)
        drawn = []
        for screen in moment.screens:
            shown = screen
            if insight is not None and insight.saliency is not None:
                shown = _heated(screen, insight.saliency)
            large = cv2.resize(shown, (width * SCALE, height * SCALE), interpolation=cv2.INTER_NEAREST)
            drawn.append(np.hstack([large, panel]))
        return drawn

    def _panel(self, moment: Moment, insight: Insight | None, height: int) -> NDArray[np.uint8]:
        panel = np.full((height, PANEL, 3), BACK, np.uint8)
        _write(panel, self.title, (12, 22), MUTED, 0.42)
        _write(panel, self.actions[moment.action], (12, 54), TEXT, 0.8)
        _write(panel, f"return {moment.total:+.0f}", (150, 54), MUTED, 0.45)
        for row, (name, colour) in enumerate((("health", OWN), ("enemy_health", ENEMY))):
            top = 68 + 22 * row
            share = max(0.0, min(1.0, moment.variables[name] / self.full_health))
            cv2.rectangle(panel, (12, top), (PANEL - 12, top + 14), BAR, -1)
            cv2.rectangle(panel, (12, top), (12 + round(share * (PANEL - 24)), top + 14), colour, -1)
            _write(panel, str(moment.variables[name]), (16, top + 11), BACK if share > 0.2 else TEXT, 0.4)
        if insight is not None:
            self._q_values(panel, moment.action, insight, 130)
        return panel

    def _q_values(self, panel: NDArray[np.uint8], action: int, insight: Insight, top: int) -> None:
        q_values = insight.q_values
        _write(panel, f"V {insight.value:+.2f}   A {q_values[action] - insight.value:+.2f}", (12, top), TEXT, 0.5)
        order = np.argsort(-q_values, kind="stable")[:ROWS]
        low, high = float(q_values.min()), float(q_values.max())
        for row, k in enumerate(order):
            y = top + 14 + 22 * row
            share = (float(q_values[k]) - low) / max(high - low, 1e-9)
            bar, text = (CHOSEN, TEXT) if k == action else (BAR, MUTED)
            cv2.rectangle(panel, (92, y), (92 + round(share * (PANEL - 160)), y + 14), bar, -1)
            _write(panel, self.actions[k], (12, y + 12), text, 0.42)
            _write(panel, f"{q_values[k]:+.2f}", (PANEL - 62, y + 12), text, 0.42)


def _write(panel: NDArray[np.uint8], text: str, place: tuple[int, int], colour: tuple[int, ...], size: float) -> None:
    cv2.putText(panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _heated(screen: Screen, saliency: NDArray[np.float32]) -> Screen:
    """The screen, darkened where nothing was looked at and red where much was."""
    height, width = screen.shape[:2]
    heat = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    tinted = screen * (0.45 + 0.55 * heat) + np.array([255.0, 60.0, 40.0]) * 0.35 * heat
    return tinted.clip(0, 255).astype(np.uint8)
