"""ComfyUI by a workflow with named slots, against a server that fails as real ones do."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from limner.errors import UnknownModel, UsageError
from limner.generation import generator
from limner.generation.comfyui import ComfyUI
from limner.ledger import Ledger, position, recorded
from limner.pictures import read
from limner.testing import ComfyBehaviour, ComfyServer, HashGenerator
from limner.testing.comfy_server import WORKFLOW
from limner.types import Failure, Picture, Prompt, Recipe

RECIPE = Recipe(Prompt("a cat", "a dog"), 7, width=40, height=24, steps=4, guidance=2.5)


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(WORKFLOW))
    return path


@contextmanager
def endpoint(
    workflow: Path, *script: ComfyBehaviour, failing: Sequence[int] = (), **options: Any
) -> Iterator[tuple[ComfyUI, ComfyServer]]:
    with ComfyServer(HashGenerator(failing=failing), script) as server:
        client = ComfyUI(workflow, base_url=server.base_url, **options)
        yield client, server
        client.close()


def one(client: ComfyUI, recipe: Recipe = RECIPE) -> Picture | Failure:
    (drawn,) = client.generate([recipe])
    return drawn


def test_the_whole_recipe_is_put_into_its_slots(workflow: Path) -> None:
    with endpoint(workflow) as (client, server):
        drawn = one(client)
    assert isinstance(drawn, Picture)
    assert drawn.image().size == (40, 24)
    sent = server.requests[0]["prompt"]
    assert {**sent["3"]["inputs"], **sent["5"]["inputs"]}.items() >= {
        "seed": 7, "steps": 4, "cfg": 2.5, "sampler_name": "euler", "width": 40, "height": 24
    }.items()  # fmt: skip
    assert (sent["6"]["inputs"]["text"], sent["7"]["inputs"]["text"]) == ("a cat", "a dog")
    assert b"workflow" not in drawn.png


def test_a_picture_states_what_the_workflow_decided(workflow: Path) -> None:
    with endpoint(workflow) as (client, _):
        drawn = one(client, Recipe(Prompt("a cat"), 7, steps=4))
    assert isinstance(drawn, Picture)
    said = read(drawn.png)
    assert said is not None
    assert said.recipe == Recipe(Prompt("a cat", "ugly"), 7, 32, 32, 4, 8.0)


def test_slots_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(WORKFLOW))
    path.with_suffix(".slots.json").write_text(json.dumps({"prompt": ["6", "text"], "seed": ["3", "seed"]}))
    with endpoint(path) as (client, server):
        assert isinstance(one(client, Recipe(Prompt("a cow"), 3)), Picture)
        failed = one(client)
    assert server.requests[0]["prompt"]["6"]["inputs"]["text"] == "a cow"
    assert isinstance(failed, Failure)
    assert "no slot 'negative'" in failed.reason


@pytest.mark.parametrize(
    ("script", "boundary", "reason"),
    [
        (["nodes"], "GenerationError", "gone.safetensors"),
        (["limit"] * 3, "GenerationError", "429"),
        (["execution"], "GenerationError", r"KSampler \(node 3\): CUDA out of memory"),
        (["nsfw"], "GenerationError", "withheld"),
        (["half"], "GenerationError", "no readable picture"),
        (["cut"], "ReplyLost", "did not answer"),
        (["hang"], "ReplyLost", "did not answer"),
        (["lost"], "ReplyLost", "does not answer any more"),
    ],
)
def test_what_goes_wrong_is_a_failure_in_place(
    workflow: Path, script: list[ComfyBehaviour], boundary: str, reason: str
) -> None:
    with endpoint(workflow, *script, timeout=1.0) as (client, server):
        failed = one(client)
        assert isinstance(failed, Failure)
        assert failed.boundary == boundary
        assert re.search(reason, failed.reason)
        assert server.calls == len(script)
        assert isinstance(one(client), Picture)


@pytest.mark.parametrize("script", [["limit"], ["error"], ["slow"]])
def test_a_busy_server_is_waited_for(workflow: Path, script: list[ComfyBehaviour]) -> None:
    with endpoint(workflow, *script) as (client, _):
        assert isinstance(one(client), Picture)


def test_no_server_costs_nothing(workflow: Path) -> None:
    with endpoint(workflow) as (client, server):
        server.stop()
        failed = one(client)
    assert isinstance(failed, Failure)
    assert (failed.boundary, "No ComfyUI server" in failed.reason) == ("GenerationError", True)


def test_order_identity_and_price(workflow: Path) -> None:
    recipes = [Recipe(Prompt("a cat"), seed) for seed in range(6)]
    with endpoint(workflow, failing=[4]) as (client, server):
        drawn = client.generate(recipes)
        assert client.terms.price_per_call == 0.0
        again = generator(f"comfyui:{workflow}", base_url=server.base_url, price_per_call=0.01)
        assert (again.identity, again.terms.price_per_call) == (client.identity, 0.01)
        before = client.identity
        workflow.write_text(json.dumps(WORKFLOW).replace("euler", "heun"))
        assert ComfyUI(workflow, base_url=server.base_url).identity != before
    assert [isinstance(item, Failure) for item in drawn] == [seed == 4 for seed in range(6)]
    assert [item.recipe for item in drawn if isinstance(item, Picture)] == recipes[:4] + recipes[5:]


def test_through_the_ledger_nothing_is_drawn_twice(workflow: Path, tmp_path: Path) -> None:
    with endpoint(workflow) as (client, server), Ledger.open(tmp_path / "session") as ledger:
        for _ in range(2):
            with position("generator"):
                (drawn,) = recorded(client, ledger).generate([RECIPE])
            assert isinstance(drawn, Picture)
        assert server.calls == ledger.spend().pictures == 1


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "API form"),
        ('{"nodes": []}', "API form"),
        ('{"3": {"inputs": {}}}', "prompt and seed"),
        ('{"3": {"inputs": {"a": 1}, "_meta": {"title": "limner:prompt"}}}', "no input"),
        ('{"3": {"inputs": {"a": 1}, "_meta": {"title": "limner:mood"}}}', "Slots are"),
    ],
)
def test_a_workflow_that_cannot_be_used(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / "flow.json").write_text(content)
    with pytest.raises(UsageError, match=named):
        ComfyUI(tmp_path / "flow.json")


def test_no_workflow(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"none\.json"):
        ComfyUI(tmp_path / "none.json")
