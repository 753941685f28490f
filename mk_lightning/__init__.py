"""Train and fine-tune a dueling double DQN on fighting games without forgetting opponents already beaten."""

__version__ = "0.1.0"
