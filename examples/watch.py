"""Watch the shipped agent fight a match in a gymnasium loop: one picture for each decision, as a GIF."""

from typing import Any

import imageio
from gymnasium.wrappers import FrameStackObservation

import mk_lightning as mk


def main(file="match.gif", state="VeryHard.Scythe-03"):
    agent = mk.DuelingDoubleDQN.load_from_checkpoint("checkpoints/dojo-finetuned.ckpt")
    env = FrameStackObservation(mk.FightingEnv("dojo", state, render_mode="rgb_array"), 4)
    observation, info = env.reset(seed=1)
    pictures: list[Any] = [env.render()]
    over = False
    while not over:
        observation, _, terminated, truncated, info = env.step(agent.predict(observation))
        pictures.append(env.render())
        over = terminated or truncated
    imageio.mimsave(file, pictures, duration=1000 / 15)
    print(f"{'won' if info['match']['won'] else 'lost'}, return {info['match']['return']:.0f}: {file}")
    env.close()


if __name__ == "__main__":
    main()
