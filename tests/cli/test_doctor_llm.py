"""`limner doctor --llm` says in words what a language model can do and what a default run will cost at most."""

import json
import re
from pathlib import Path

from limner.testing import ChatServer

RECIPE = Path(__file__).parents[2] / "docs" / "llm.md"

PRICED = "[prices.tiny]\ninput = 1.0\noutput = 2.0\n"


def checks(said):
    return {one["name"]: one for one in json.loads(said.out)["checks"]}


def test_what_an_endpoint_can_do_and_what_it_will_cost(limner, tmp_path):
    (tmp_path / "limner.toml").write_text(PRICED)
    with ChatServer(lambda _: "Red.", models=[{"id": "tiny", "max_model_len": 8192}]) as server:
        said = limner("doctor", "--llm", "openai:tiny", "--base-url", server.base_url, "--json")
        asked = server.calls
    assert said.code == 0
    found = checks(said)
    assert "json_schema" in found["structured replies"]["found"]
    assert found["vision"]["found"] == "sees pictures"
    assert found["context"]["found"] == "8,192 tokens"
    assert found["cost of a default run"]["found"].endswith("USD. Limits: budget_tokens, budget_money_usd")
    assert asked == 3


def test_the_settings_of_a_run_may_stand_there_already(limner, tmp_path):
    """As in the recipe of docs/llm.md: another image model, its judges, and where its language model is."""
    models = '[models]\ngenerator = "diffusers:some/sdxl"\ntaste = "hps:v2.1"\nquestions = "none"\n'
    with ChatServer(lambda _: "Red.") as server:
        (tmp_path / "limner.toml").write_text(f'{models}base_url = "{server.base_url}"\n{PRICED}')
        said = limner("doctor", "--llm", "openai:tiny", "--json")
    assert said.code == 0
    assert "USD" in checks(said)["cost of a default run"]["found"]


def test_the_recipe_says_what_its_dry_run_says(limner, tmp_path):
    recipe = RECIPE.read_text(encoding="utf-8")
    (tmp_path / "limner.toml").write_text(re.search(r"```toml\n(.*?)```", recipe, re.DOTALL)[1])
    (tmp_path / "requests.txt").write_text("".join(f"a fox, number {number}\n" for number in range(60)))
    command = re.search(r"^limner (evolve .*) --dry-run$", recipe, re.MULTILINE)[1]
    said = json.loads(limner(*command.split(), "--dry-run", "--json").out)
    parts = (
        f"{said['search']} to search, {said['validation']} for the final choice, {said['held_out']} for the final table"
    )
    words = " ".join(recipe.split())
    assert (
        f"With 60 requests that is at most {said['total']} pictures: {parts}; and {said['model_turns']} turns" in words
    )
    assert f"at most {said['model_turns_most']} if each" in words
    assert said["agents_usd"] == 0.0


def test_an_unknown_price_is_told_with_what_to_write(limner):
    with ChatServer(lambda _: "Red.", formats=(), able=()) as server:
        found = checks(limner("doctor", "--llm", "openai:tiny", "--base-url", server.base_url, "--json"))
    assert "text only" in found["structured replies"]["found"]
    assert '[prices."tiny"] input = ..., output = ...' in found["cost of a default run"]["found"]


def test_an_endpoint_that_is_not_there_fails(limner, monkeypatch):
    monkeypatch.setenv("LIMNER_CHAT__RETRIES", "0")
    with ChatServer(lambda _: "Red.") as server:
        address = server.base_url
    said = limner("doctor", "--llm", "openai:tiny", "--base-url", address)
    assert said.code == 1
    assert "is the endpoint running?" in said.out


def test_a_dry_run_bounds_the_turns_of_every_role(limner, tmp_path):
    (tmp_path / "limner.toml").write_text(PRICED)
    sizes = ("--rounds", "2", "--batch", "2", "--validation", "2", "--held-out", "2")
    said = json.loads(limner("evolve", "--dry-run", "--json", "--agents", "openai:tiny", *sizes).out)
    # writer 2 + 2 x 5, validation 2 x 4, held out 2 x 2; critic 2; modifier 6; questioner 4 + 4
    assert said["model_turns"] == 24 + 2 + 6 + 8
    assert said["model_turns_most"] == 24 * 8 + (2 + 6 + 8) * 4
    assert said["agents_usd"] > 0
    words = limner("evolve", "--dry-run", "--agents", "openai:tiny", *sizes).out
    assert "40 turns of language models if all replies are usable, at most 256" in words
    free = json.loads(limner("evolve", "--dry-run", "--json", *sizes).out)
    assert (free["model_turns"], free["tokens_most"], free["agents_usd"]) == (0, 0, 0.0)
    mixed = json.loads(limner("evolve", "--dry-run", "--json", "--critic", "openai:unpriced", *sizes).out)
    assert (mixed["model_turns"], mixed["agents_usd"]) == (2, None)
