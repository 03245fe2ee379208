"""Runs gepa or promptolution for `limner bench search`. Run by the Python of their environment, never imported here.

usage: search_peer_script.py TOOL
Reads one JSON line per run on stdin: seed, setting, budget (pictures, or null), folder (to resume from, or null). Asks
for pictures and proposals by JSON lines on stdout and reads one line for each answer; {"do": "end"} ends a run.
"""

import json
import random
import sys
from contextlib import suppress
from typing import Any

PIPE = sys.stdout
sys.stdout = sys.stderr


class Over(BaseException):
    """The desk has ended the run."""


def ask(do: str, **what: Any) -> Any:
    """Ask the desk."""
    PIPE.write(json.dumps({"do": do, **what}) + "\n")
    PIPE.flush()
    answer = json.loads(sys.stdin.readline())
    if answer.get("over"):
        raise Over
    return answer["value"]


def gepa(task: dict[str, Any]) -> None:
    """Gepa with an adapter and a custom proposer; its choice is the best mean on its validation set."""
    from gepa import EvaluationBatch, optimize  # type: ignore[import-not-found]

    class Adapter:
        propose_new_texts = None

        def evaluate(self, batch: Any, candidate: Any, capture_traces: bool = False) -> Any:
            rewards = ask("draw", text=candidate["instruction"], queries=batch)
            return EvaluationBatch(batch, rewards, rewards if capture_traces else None)

        def make_reflective_dataset(self, candidate: Any, batch: Any, components: Any) -> Any:
            return {name: [{"score": score} for score in batch.scores] for name in components}

    def propose(candidate: Any, dataset: Any, components: Any) -> Any:
        born = ask("propose", text=candidate["instruction"], count=1)
        return {"instruction": born[0] if born else candidate["instruction"]}

    class Watch:
        def on_valset_evaluated(self, event: Any) -> None:
            if event["is_best_program"]:
                self.best = event["candidate"]["instruction"]
            ask("choose", text=self.best)

    class Silent:
        def log(self, message: str) -> None:
            pass

    setting = task["setting"]
    order = random.Random(task["seed"]).sample(range(task["queries"]), task["queries"])
    validation, training = order[: setting["validation"]], order[setting["validation"] :]
    optimize(
        seed_candidate={"instruction": task["start"]},
        trainset=training,
        valset=validation,
        adapter=Adapter(),
        custom_candidate_proposer=propose,
        candidate_selection_strategy=setting["select"],
        reflection_minibatch_size=setting["minibatch"],
        skip_perfect_score=False,
        max_metric_calls=task["budget"] or 10**6,
        run_dir=task["folder"],
        callbacks=[Watch()],
        logger=Silent(),
        seed=task["seed"],
    )


def promptolution(task: dict[str, Any], make: Any) -> None:
    """An optimizer of promptolution with a function as its model; its choice is the first of its prompts."""
    import numpy as np
    import pandas as pd  # type: ignore[import-untyped]
    from promptolution.llms.base_llm import BaseLLM  # type: ignore[import-not-found]
    from promptolution.predictors.base_predictor import BasePredictor  # type: ignore[import-not-found]
    from promptolution.tasks.reward_tasks import RewardTask  # type: ignore[import-not-found]
    from promptolution.utils.callbacks import BaseCallback  # type: ignore[import-not-found]

    class Function(BaseLLM):  # type: ignore[misc]
        def _get_response(self, prompts: Any, system_prompts: Any) -> Any:
            return [f"<prompt>{self._child(prompt)}</prompt>" for prompt in prompts]

        def _child(self, prompt: str) -> str:
            parent = prompt.split("<parent>")[-1].split("</parent>")[0].strip()
            born = ask("propose", text=parent, count=1)
            return str(born[0]) if born else parent

    class Drawn(BasePredictor):  # type: ignore[misc]
        def predict(self, prompts: Any, xs: Any, system_prompts: Any = None) -> Any:
            rewards = [ask("draw", text=str(one), queries=[int(x)])[0] for one, x in zip(prompts, xs, strict=True)]
            return [repr(reward) for reward in rewards], list(xs)

        def _extract_preds(self, preds: Any) -> Any:
            return preds

    class Watch(BaseCallback):  # type: ignore[misc]
        def on_step_end(self, optimizer: Any) -> bool:
            best = int(np.argmax(optimizer.scores))
            ask("choose", text=str(optimizer.prompts[best]))
            return not task["budget"] or ask("pictures") < task["budget"]

    setting = task["setting"]
    random.seed(task["seed"])
    np.random.seed(task["seed"])
    order = random.Random(task["seed"]).sample(range(task["queries"]), task["queries"])
    some = order[: setting["queries"]] if setting["strategy"] == "full" else order
    rewards = RewardTask(
        pd.DataFrame({"x": [str(one) for one in some]}),
        float,
        task_description="Write instructions.",
        n_subsamples=setting["queries"],
        eval_strategy=setting["strategy"],
        seed=task["seed"],
    )
    model = Function()
    first = [task["start"], *ask("propose", text=task["start"], count=setting["population"] - 1)]
    parts = {"predictor": Drawn(model), "task": rewards, "meta_llm": model, "initial_prompts": first}
    make(setting)(**parts, callbacks=[Watch()]).optimize(10**6)


def evoprompt(setting: dict[str, Any]) -> Any:
    """EvoPromptDE, whose donor is the best prompt unless it is to be drawn."""
    from functools import partial

    from promptolution.optimizers.evoprompt_de import EvoPromptDE  # type: ignore[import-not-found]

    template = "<parent><prompt3></parent>"
    return partial(EvoPromptDE, prompt_template=template, donor_random=setting["donor_random"])


def opro(setting: dict[str, Any]) -> Any:
    """OPRO: its model sees the best instruction last."""
    from functools import partial

    from promptolution.optimizers.opro import OPRO  # type: ignore[import-not-found]

    class LastIsBest(OPRO):  # type: ignore[misc]
        def _format_instructions(self) -> str:
            best = max(zip(self.scores, map(str, self.prompts), strict=True))
            return f"<parent>{best[1]}</parent>"

    settings = {"num_few_shots": 1, "num_instructions_per_step": setting["step"]}
    return partial(LastIsBest, prompt_template="<instructions>", **settings)


TOOLS: dict[str, Any] = {
    "gepa": gepa,
    "EvoPromptDE": lambda task: promptolution(task, evoprompt),
    "OPRO": lambda task: promptolution(task, opro),
}


def main(tool: str) -> None:
    """Run whatever comes."""
    for line in iter(sys.stdin.readline, ""):
        with suppress(Over):
            TOOLS[tool](json.loads(line))
        PIPE.write(json.dumps({"do": "end"}) + "\n")
        PIPE.flush()


if __name__ == "__main__":
    main(sys.argv[1])
