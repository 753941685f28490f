"""Train and fine-tune a dueling double DQN on fighting games without forgetting opponents already beaten.

The public names are in `__init__.pyi`; each is imported when it is first used. Importing the package registers its
environments in gymnasium.
"""

import lazy_loader

from mk_lightning.envs.registration import register_envs

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_envs()
