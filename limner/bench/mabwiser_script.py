"""Plays MABWiser's UCB1 on the benchmark's worlds. Run by the Python of MABWiser's environment, never imported here.

usage: mabwiser_script.py WORLDS_FILE SETTING ALPHA FIRST_BLOCK BLOCKS
One JSON list on stdout: the final choice's regret per world. The choice is the arm of highest mean reward.
"""

import importlib.util
import json
import sys
from typing import Any

import numpy as np
from mabwiser.mab import MAB, LearningPolicy  # type: ignore[import-not-found]


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("bandit_worlds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _choice(block: Any, world: int, pulls: int, alpha: float) -> int:
    """The arm that MABWiser's rewards speak for in one world; each arm is pulled once when it comes, as in ours."""
    total, count = np.zeros(block.setting.arms), np.zeros(block.setting.arms, int)
    mab = MAB([0], LearningPolicy.UCB1(alpha=alpha), seed=world)
    mab.fit([0], [_pull(block, world, 0, 0, total, count)])
    for t in range(1, pulls):
        come = block.come(t)
        untried = np.flatnonzero(count[:come] == 0)
        arm = int(untried[0]) if untried.size else mab.predict()
        if untried.size:
            mab.add_arm(arm)
        mab.partial_fit([arm], [_pull(block, world, arm, t, total, count)])
    return int(np.argmax(total / count))


def _pull(block: Any, world: int, arm: int, t: int, total: Any, count: Any) -> float:
    reward = float(block.reward_of(world, arm, count[arm], t))
    total[arm] += reward
    count[arm] += 1
    return reward


def main(path: str, name: str, alpha: float, first: int, blocks: int) -> None:
    """Play the blocks and print the regrets."""
    worlds = _load(path)
    regrets: list[float] = []
    for number in range(first, first + blocks):
        block = worlds.Block(worlds.SETTINGS[name], number)
        choices = [_choice(block, world, worlds.PULLS, alpha) for world in range(worlds.BLOCK)]
        regrets += block.regret(np.array(choices), worlds.PULLS).tolist()
    json.dump(regrets, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
