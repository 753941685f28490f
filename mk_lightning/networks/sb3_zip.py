"""Reading an agent of Stable-Baselines3 from its zip file; nothing in the file can run code.

Such a zip holds `policy.pth`, a state_dict, and `data`, a text in JSON that notes what the agent was made with. Objects
stand in `data` as pickles, which are left alone: they run whatever who wrote them wants. What is read beside them are
numbers, and words that SB3 puts next to a pickle for people.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mk_lightning.networks.base import FRAME_SIZE, STACK
from mk_lightning.networks.sb3_mapping import BODY, DUELING, ONLINE, PLAIN, Weights, layer_names
from mk_lightning.networks.weights import PREFIX, problem_with
from mk_lightning.utils.documents import parse_json
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.tensor_files import parse_tensors

DATA, POLICY = "data", "policy.pth"
"""Parts of the zip."""
PICKLE = "/data.pkl"
"""Ending of a part of every file that `torch.save` writes; such files are parts of the zip, too, so of one that is cut
short the last may be taken for the whole.
"""
MAX_BYTES = {DATA: 100_000_000, POLICY: 2_000_000_000}
"""`data` has some hundred kB, `policy.pth` 13 MB for 512 hidden units."""

ALGORITHMS = {
    "quantile_net.": "QR-DQN",
    "lstm_actor.": "RecurrentPPO",
    "actor.": "SAC, TD3 or DDPG",
    "action_net.": "PPO or A2C",
}
"""Whose policy has layers that begin with this."""
LAYERS = {
    BODY["convolutions.0"]: (32, STACK, 8, 8),
    BODY["convolutions.2"]: (64, 32, 4, 4),
    BODY["convolutions.4"]: (64, 64, 3, 3),
}
"""Shapes of the weights that are the same in every network: `NatureCNN`'s."""
LINEAR = BODY["features.1"]
"""The fully connected layer, whose units are the user's choice."""
FLAT = 64 * 7 * 7
"""Numbers that the convolutions make of an observation."""


@dataclass(frozen=True)
class SB3Agent:
    """What a zip holds of an agent.

    Attributes:
        weights: of its Q-network, float32, by their names there without the prefix.
        env_steps: that it was trained for; 0 where the zip does not say.
        gamma: its discount per env_step; None where the zip does not say.
    """

    weights: Weights
    env_steps: int
    gamma: float | None

    @property
    def dueling(self) -> bool:
        """Whether the network has two heads."""
        return _is_dueling(self.weights)

    @property
    def hidden(self) -> int:
        """Units of the fully connected layer."""
        return len(self.weights[f"{LINEAR}.bias"])

    @property
    def num_actions(self) -> int:
        """Actions that it chooses among."""
        return len(self.weights[f"{DUELING['advantage'] if self.dueling else PLAIN}.bias"])

    def about(self, path: Path) -> str:
        """Return what such an agent needs beside its weights, in a line."""
        gamma = "unknown" if self.gamma is None else f"{self.gamma:g}"
        kind = "Dueling DQN" if self.dueling else "DQN"
        return (
            f"{path} is an agent of Stable-Baselines3 ({kind}, {self.env_steps:,} env_steps, gamma {gamma}): it plays "
            "as it was trained with EnvConfig.release_frames 0 (overlay from-sb3), and keeps its Q-values with "
            f"ReplaySettings.gamma {gamma}; they are taken for game units, which a fit divides by "
            "ExperienceDataModule.reward_scale"
        )


def is_sb3_zip(path: Path) -> bool:
    """Whether a file is meant to be such a zip: it is called one, or is one that `torch.save` has not written."""
    if path.suffix == ".zip":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith(PICKLE) for name in archive.namelist())
    except Exception:  # damaged bytes raise whatever they happen to lead to
        return False


def read_sb3(path: Path) -> SB3Agent:
    """Read the agent that is in a zip of Stable-Baselines3: of DQN, Double DQN or a dueling one of these.

    Args:
        path: of the zip.

    Raises:
        UserError: it is no such zip, or damaged; or the agent is of another algorithm or network.
    """
    raw = read_parts(path)
    data = parse_json(_text(raw[DATA], path), path, "agent of Stable-Baselines3")
    policy = parse_tensors(raw[POLICY], path, "agent of Stable-Baselines3")
    if not isinstance(data, dict) or not isinstance(policy, dict):
        raise _refused(path, "its data and policy.pth are not those of Stable-Baselines3")
    for name, tensor in policy.items():
        problem = problem_with(f"{PREFIX}{name}" if isinstance(name, str) else name, tensor)
        if problem is None and tensor.dtype != torch.float32:
            problem = f"is of type {tensor.dtype}, not torch.float32"
        if problem is not None:
            raise _refused(path, f"{shortened(name)} {problem}")
    _check_algorithm(path, policy)
    _check_data(path, data)
    weights = {name.removeprefix(ONLINE): t for name, t in policy.items() if name.startswith(ONLINE)}
    _check_layers(path, weights)
    steps, gamma = data.get("num_timesteps", 0), data.get("gamma", -1)
    return SB3Agent(
        weights,
        steps if type(steps) is int and steps >= 0 else 0,
        float(gamma) if type(gamma) in (int, float) and 0 <= gamma <= 1 else None,
    )


def read_parts(path: Path, *, every: bool = False) -> dict[str, bytes]:
    """Read the parts of a zip of Stable-Baselines3, as they are.

    Args:
        path: of the zip.
        every: part, not only `data` and `policy.pth`.

    Raises:
        UserError: it is no such zip, or damaged, or would unpack to more than it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if problem := _problem_with_parts(parts, path.stat().st_size):
                raise ValueError(problem)
            return {part.filename: archive.read(part) for part in parts if every or part.filename in MAX_BYTES}
    except Exception as error:  # damaged bytes raise whatever they happen to lead to
        reason = "it is cut short, or no zip at all" if str(error).startswith("File is not a zip") else error
        raise UserError(f"{path} is not a readable checkpoint: {shortened(reason, 200)}") from None


def _problem_with_parts(parts: list[zipfile.ZipInfo], size: int) -> str | None:
    names = [part.filename for part in parts]
    if any(name.endswith(PICKLE) for name in names):
        return "it is cut short, or torch.save wrote it; a checkpoint's name ends in .ckpt"
    if not {DATA, POLICY} <= set(names):
        listed = ", ".join(shortened(name, 30) for name in names[:3]) or "nothing"
        return f"it is a zip with {listed} in it, neither an agent of Stable-Baselines3 (data, policy.pth) nor torch's"
    if odd := next((name for name in names if "/" in name or "\\" in name), None):
        return f"its part {shortened(odd)!r} is for another folder, which Stable-Baselines3 never writes"
    if len(set(names)) < len(names):
        return "it has two parts of one name, which Stable-Baselines3 never writes"
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(part.file_size for part in parts) > size:
        return "it holds compressed parts, which Stable-Baselines3 never writes; `zip -0` packs them as they are"
    for part in parts:
        if part.file_size > (most := MAX_BYTES.get(part.filename, MAX_BYTES[POLICY])):
            return f"its part {shortened(part.filename)} has {part.file_size:,} bytes, more than {most:,}"
    return None


def _text(raw: bytes, path: Path) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _refused(path, "its data is not text") from None


def _check_algorithm(path: Path, policy: Mapping[str, torch.Tensor]) -> None:
    if any(name.startswith(ONLINE) for name in policy):
        return
    found = next((what for start, what in ALGORITHMS.items() if any(name.startswith(start) for name in policy)), None)
    raise _refused(
        path,
        f"it is an agent of {found or 'another algorithm'}, and only DQN's kinds have Q-values to go on from; "
        "mk.evaluate(lambda stacks: model.predict(stacks, deterministic=True)[0]) plays with any",
    )


def _check_data(path: Path, data: Mapping[str, Any]) -> None:
    """Check what the weights do not show: what the network was given, and what it does with it."""
    space, options = (data.get(key) for key in ("observation_space", "policy_kwargs"))
    shape = _parsed(space.get("_shape")) if isinstance(space, dict) else None
    if shape is not None and shape != [STACK, FRAME_SIZE, FRAME_SIZE]:
        raise _refused(path, f"its observations are of shape {shortened(shape)}, here they are [4, 84, 84]")
    options = options if isinstance(options, dict) else {}
    if _parsed(options.get("normalize_images")) is False:
        raise _refused(path, "its images are not divided by 255 (normalize_images=False), here they are")
    extractor = str(options.get("features_extractor_class", "NatureCNN"))
    if not extractor.rstrip("'>").endswith("NatureCNN"):
        raise _refused(path, f"its features are made by {shortened(extractor)}, here by NatureCNN's layers")


def _parsed(value: object) -> object:
    """A value that SB3 noted as it is, or as text beside a pickle."""
    try:
        return json.loads(value.replace("(", "[").replace(")", "]").lower()) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _check_layers(path: Path, weights: Weights) -> None:
    """Check that the network is NatureCNN with one head or two, and nothing more."""
    wanted = layer_names(dueling=_is_dueling(weights))
    if wanted != weights.keys():
        missing, more = (", ".join(sorted(names)[:3]) for names in (wanted - weights.keys(), weights.keys() - wanted))
        raise _refused(
            path,
            "its network is not NatureCNN with linear heads (net_arch=[]): "
            + "; ".join(f"{what} {shortened(names, 90)}" for what, names in (("no", missing), ("more", more)) if names),
        )
    hidden = len(weights[f"{LINEAR}.bias"].flatten())
    heads = list(DUELING.values()) if _is_dueling(weights) else [PLAIN]
    shapes = {**LAYERS, LINEAR: (hidden, FLAT)}
    actions = max(1, *(len(weights[f"{head}.bias"].flatten()) for head in heads))
    shapes |= {head: (1 if head == DUELING["value"] else actions, hidden) for head in heads}
    for layer, shape in shapes.items():
        found = tuple(weights[f"{layer}.weight"].shape)
        if found != shape or tuple(weights[f"{layer}.bias"].shape) != shape[:1]:
            raise _refused(path, f"its layer {layer} is of shape {shortened(found)}, not {shape}")


def _is_dueling(weights: Mapping[str, torch.Tensor]) -> bool:
    heads = {head.partition(".")[0] for head in DUELING.values()}
    return any(name.partition(".")[0] in heads for name in weights)


def _refused(path: Path, why: str) -> UserError:
    return UserError(f"{path} cannot be used: {why}")
