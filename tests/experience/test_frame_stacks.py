from __future__ import annotations

import numpy as np

from mk_lightning.experience.frame_stacks import FrameStacks


def shown(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)[:, None, None].repeat(2, 1).repeat(3, 2)


def test_first_frame_repeats_and_the_newest_is_last():
    stacks = FrameStacks(3, stack=4, frame_shape=(2, 3))
    stacks.start(np.arange(3), shown(0, 50, 100))
    for t in range(1, 6):
        stacks.push(np.array([2, 1]), shown(100 + t, 50 + t))
        for env in range(3):
            expected = [max(0, t - k) for k in (3, 2, 1, 0)] if env else [0] * 4
            assert stacks.frames[env, :, 0, 0].tolist() == [50 * env + e for e in expected]
    stacks.start(np.array([1]), shown(7))
    assert stacks.frames[:, :, 1, 2].tolist() == [[0] * 4, [7] * 4, [102, 103, 104, 105]]
