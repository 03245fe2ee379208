"""The images endpoint against a real server on loopback."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from limner.errors import GenerationError, SettingsError
from limner.generation.images_endpoint import ImagesEndpoint
from limner.ledger import Ledger, recorded
from limner.testing import Behaviour, HashGenerator, ImageServer
from limner.types import Failure, Picture, Prompt, Recipe, Terms

RECIPE = Recipe(Prompt("a cat", "a dog"), 7, width=40, height=24, steps=4, guidance=2.5, scheduler="euler")


@contextmanager
def endpoint(
    *script: Behaviour, model: str = "sketch", timeout: float = 5.0, batch: int | None = None, delay: float = 0.0
) -> Iterator[tuple[ImagesEndpoint, ImageServer]]:
    with ImageServer(HashGenerator(delay=delay), script) as server:
        client = ImagesEndpoint(model, base_url=server.base_url, api_key="secret", timeout=timeout, batch=batch)
        yield client, server
        client.close()


def failure(client: ImagesEndpoint) -> Failure:
    (drawn,) = client.generate([RECIPE])
    assert isinstance(drawn, Failure)
    return drawn


def test_the_whole_recipe_is_sent() -> None:
    with endpoint() as (client, server):
        (drawn,) = client.generate([RECIPE])
    assert isinstance(drawn, Picture)
    assert drawn.image().size == (40, 24)
    assert server.requests == [
        {
            "model": "sketch", "prompt": "a cat", "n": 1, "size": "40x24", "response_format": "b64_json",
            "seed": 7, "num_inference_steps": 4, "guidance_scale": 2.5, "negative_prompt": "a dog",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(("model", "extra"), [("gpt-image-1", {}), ("dall-e-3", {"response_format": "b64_json"})])
def test_openais_own_models_get_only_what_they_accept(model: str, extra: dict[str, str]) -> None:
    with endpoint(model=model) as (client, server):
        client.generate([RECIPE])
    assert server.requests == [{"model": model, "prompt": "a cat", "n": 1, "size": "40x24", **extra}]


@pytest.mark.parametrize("script", [["limit"], ["error", "error"]])
def test_what_was_not_carried_out_is_asked_again(script: Sequence[Behaviour]) -> None:
    with endpoint(*script) as (client, server):
        (drawn,) = client.generate([RECIPE])
    assert isinstance(drawn, Picture)
    assert server.calls == len(script) + 1


def test_it_gives_up_after_three_tries() -> None:
    with endpoint("error", "error", "error", "error") as (client, server):
        assert "500" in failure(client).reason
    assert server.calls == 3


def test_a_refusal_is_not_tried_again() -> None:
    with endpoint("refuse") as (client, server):
        assert "content_policy_violation" in failure(client).reason
    assert server.calls == 1


@pytest.mark.parametrize("behaviour", ["unauthorized", "unknown"])
def test_what_no_picture_survives_is_raised(behaviour: Behaviour) -> None:
    with endpoint(*[behaviour] * 8) as (client, server), pytest.raises(GenerationError, match="key, the model's name"):
        client.generate([RECIPE] * 8)
    assert server.calls <= 8


def test_a_reply_without_a_picture_is_a_failure() -> None:
    with endpoint("garbage") as (client, _):
        assert "no readable picture" in failure(client).reason


@pytest.mark.parametrize(("behaviour", "reason"), [("half", "no readable picture"), ("nsfw", "a filter withheld it")])
def test_half_a_picture_and_a_withheld_one_are_failures(behaviour: Behaviour, reason: str) -> None:
    with endpoint(behaviour) as (client, server):
        assert reason in failure(client).reason
    assert server.calls == 1


def test_a_silent_server_is_left_after_the_timeout_and_not_paid_twice() -> None:
    with endpoint("hang", "hang", "hang", timeout=0.2) as (client, server):
        lost = failure(client)
    assert (lost.boundary, "timed out" in lost.reason) == ("ReplyLost", True)
    assert server.calls == 1


def test_a_reply_that_breaks_off_is_lost_and_not_paid_twice() -> None:
    with endpoint("cut") as (client, server):
        assert failure(client).boundary == "ReplyLost"
    assert server.calls == 1


def test_a_server_that_is_not_there_costs_nothing() -> None:
    with endpoint() as (client, server):
        server.stop()
        assert failure(client).boundary == "GenerationError"


# --- several pictures of one prompt ---------------------------------------------------------------------------------

SAME = [Recipe(Prompt("a cat"), seed) for seed in range(3)]


def test_pictures_of_one_prompt_are_one_request_where_there_are_no_seeds() -> None:
    recipes = [SAME[0], Recipe(Prompt("a dog"), 0), *SAME[1:]]
    with endpoint(model="gpt-image-1", batch=8) as (client, server):
        drawn = client.generate(recipes)
    assert sorted((request["prompt"], request["n"]) for request in server.requests) == [("a cat", 3), ("a dog", 1)]
    assert [item.recipe for item in drawn if isinstance(item, Picture)] == recipes
    assert len({item.sha256 for item in drawn if isinstance(item, Picture)}) == 4


@pytest.mark.parametrize(
    ("model", "requests"), [("gpt-image-1", [2, 10]), ("dall-e-3", [1] * 12), ("sketch", [1] * 12)]
)
def test_no_more_at_once_than_the_model_takes(model: str, requests: list[int]) -> None:
    with endpoint(model=model, batch=12) as (client, server):
        drawn = client.generate([Recipe(Prompt("a cat"), seed) for seed in range(12)])
    assert sorted(request["n"] for request in server.requests) == requests
    assert len([item for item in drawn if isinstance(item, Picture)]) == 12


@pytest.mark.parametrize(("behaviour", "failed"), [("nsfw", 1), ("few", 1), ("refuse", 3), ("hang", 3), ("half", 3)])
def test_what_one_request_lacks_fails_in_its_place(behaviour: Behaviour, failed: int) -> None:
    with endpoint(behaviour, model="gpt-image-1", timeout=0.5) as (client, server):
        drawn = client.generate(SAME)
    assert [isinstance(item, Failure) for item in drawn] == [place >= 3 - failed for place in range(3)]
    assert server.calls == 1


def test_each_picture_is_a_record_of_its_own_and_paid_once(tmp_path: Path) -> None:
    with ImageServer(script=["nsfw"]) as server, Ledger.open(tmp_path) as ledger:
        client = ImagesEndpoint("gpt-image-1", base_url=server.base_url, api_key="secret", price_per_call=0.04)
        first = recorded(client, ledger).generate(SAME)
        spend = ledger.spend()
        assert (spend.pictures, spend.money_usd, spend.unknown_outcome) == (2, pytest.approx(0.08), 0)
        assert recorded(client, ledger).generate([SAME[1], SAME[2], SAME[0]]) == [first[1], first[2], first[0]]
        recorded(client, ledger).generate([*SAME, Recipe(Prompt("a cat"), 9)])
        assert [request["n"] for request in server.requests] == [3, 1]
        assert ledger.spend().pictures == 3
        client.close()


def test_a_lost_request_stays_charged_for_all_its_pictures(tmp_path: Path) -> None:
    with ImageServer(script=["cut"]) as server, Ledger.open(tmp_path) as ledger:
        client = ImagesEndpoint("gpt-image-1", base_url=server.base_url, api_key="secret", price_per_call=0.04)
        recorded(client, ledger).generate(SAME)
        assert (ledger.spend().unknown_outcome, ledger.spend().pictures) == (3, 3)
        client.close()


def test_requests_run_beside_each_other_and_keep_their_order() -> None:
    recipes = [Recipe(Prompt("a cat"), seed) for seed in range(8)]
    with endpoint(batch=8, delay=0.3) as (client, _):
        started = time.monotonic()
        drawn = client.generate(recipes)
    assert [item.recipe for item in drawn if isinstance(item, Picture)] == recipes
    assert time.monotonic() - started < 8 * 0.3


def test_terms_state_the_price() -> None:
    with ImageServer() as server:
        client = ImagesEndpoint("sketch", base_url=server.base_url, price_per_call=0.02, batch=3)
        assert client.terms == Terms(local=False, batch=3, price_per_call=0.02)
        client.close()


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        ImagesEndpoint("gpt-image-1")
