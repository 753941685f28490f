"""How often does an agent win, and is another one better? Without a Trainer."""

from rich import print

import mk_lightning as mk


def main(states="VeryHard.*-0[4-6]", matches=20):
    base, finetuned = (
        mk.evaluate(f"checkpoints/dojo-{name}.ckpt", "dojo", states, matches=matches) for name in ("base", "finetuned")
    )
    for state, score in base.scores().items():
        low, high = score.interval
        print(f"{state}: {score.win_rate:.0%} [{low:.0%}, {high:.0%}]")
    change = mk.Comparison(base, finetuned).over(base.states)
    print(f"{change.before:.0%} -> {change.after:.0%}: {change.verdict}")


if __name__ == "__main__":
    main()
