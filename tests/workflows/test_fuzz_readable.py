"""Whatever a message says, one line comes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mk_lightning.workflows.messages import readable
from tests.fuzzing import damaged, fuzz

MESSAGES = (
    'Parser key "model.learning_rate":\n  - Expected a path but fast either not accessible or invalid\n'
    "  - Does not validate against any of the Union subtypes\n"
    "  Subtypes: [<class 'mk_lightning.schedules.Schedule'>, <class 'float'>]\n  Errors:\n"
    "    - Expected a dot import path string: fast\n    - Expected a <class 'float'>\n"
    "  Given value type: <class 'str'>\n  Given value: fast",
    "Parser key \"data.env.num_envs\":\n  Expected a <class 'int'>. Got value: eight",
    "unrecognized arguments: --data.max_env_step=8",
    "Subcommand 'fit' does not accept option 'modle.hidden'",
    'Linked "model.num_actions" must be given via "data.game".',
)


@fuzz
@given(
    message=st.sampled_from(MESSAGES)
    .flatmap(lambda m: damaged(m.encode()))
    .map(lambda raw: raw.decode(errors="replace"))
    | st.text()
)
def test_fuzz_readable(message: str) -> None:
    line = readable(message, ["data.env.num_envs", "model.q_limit", "config"])
    assert len(line.splitlines()) <= 1
