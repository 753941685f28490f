"""Making the Q-network that a run was given, and finding out at once whether it is one."""

from __future__ import annotations

import torch

from mk_lightning.networks.base import FRAME_SIZE, STACK, QNetwork, QNetworkCallable
from mk_lightning.networks.weights import PREFIX, problem_with
from mk_lightning.utils.errors import UserError, shortened


def make_network(make: QNetworkCallable, num_actions: int) -> QNetwork:
    """Make a Q-network and let it value one observation, so that what is wrong with it shows before anything is played.

    Args:
        make: a subclass of `QNetwork` or a `functools.partial` of one.
        num_actions: actions of the game's table.

    Raises:
        UserError: it makes no `QNetwork`, takes other arguments, or returns other shapes.
    """
    name = getattr(getattr(make, "func", make), "__name__", type(make).__name__)
    if isinstance(make, torch.nn.Module):
        raise UserError(
            f"network must make a network, got one ({name}); give its class, or functools.partial of it with arguments"
        )
    try:
        network: object = make(num_actions)
    except TypeError as error:  # an abstract class, other arguments, or a fault in the user's own
        raise UserError(f"{name}({num_actions}) makes no network: {shortened(error, 160)}") from error
    if not isinstance(network, QNetwork):
        raise UserError(f"network must make a mk_lightning.QNetwork, {name} made a {type(network).__name__}")
    for entry, tensor in network.state_dict().items():
        if problem := problem_with(PREFIX + entry, tensor):
            raise UserError(
                f"{name}: {entry} {problem}, and no checkpoint of it could be loaded; register such a buffer with "
                "persistent=False"
            )
    state = torch.random.get_rng_state()
    try:
        with torch.no_grad():
            q_values = network(torch.zeros(2, STACK, FRAME_SIZE, FRAME_SIZE, dtype=torch.uint8))
    except Exception as error:  # of a network of one's own, any
        raise UserError(
            f"{name} cannot value observations (B, 4, 84, 84) uint8: {type(error).__name__}: {shortened(error, 160)}"
        ) from error
    finally:
        torch.random.set_rng_state(state)
    if not isinstance(q_values, torch.Tensor) or q_values.shape != (2, num_actions) or not q_values.is_floating_point():
        found = tuple(q_values.shape) if isinstance(q_values, torch.Tensor) else type(q_values).__name__
        raise UserError(
            f"{name} must return Q-values (B, {num_actions}) float32, of 2 observations it returned {found}"
        )
    return network
