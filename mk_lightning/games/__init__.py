"""Games as data: a YAML file and an integration folder describe everything the environments need to know."""

from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError, MissingRomError, nearest, suggestion

__all__ = ["Game", "GameError", "MissingRomError", "load_game", "nearest", "shipped_games", "suggestion"]
