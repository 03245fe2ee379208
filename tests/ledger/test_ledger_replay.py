import asyncio

import pytest

from limner.errors import ReplayMiss, SessionError
from limner.ledger import Budget, Ledger, position, recorded
from limner.testing import ChatFromCallable, HashGenerator, ScorerFromFunction
from limner.types import Message, Query, Terms


def run(ledger, generator, scorer, chat, recipes):
    with position("critic", "round 1"):
        pictures = recorded(generator, ledger).generate(recipes)
        scores = recorded(scorer, ledger).score([(Query("q", "a"), picture) for picture in pictures])
        turn = asyncio.run(recorded(chat, ledger).turn([Message("user", "why?")]))
    return pictures, scores, turn


def models():
    terms = Terms(local=False, sampling=True, price_per_input_token=None)
    return (
        HashGenerator(terms=Terms(batch=4)),
        ScorerFromFunction(lambda query, picture: len(picture.png) / 7),
        ChatFromCallable(lambda *_: "because", terms=terms),
    )


def test_a_replay_gives_the_same_with_no_call_and_at_no_cost(tmp_path, recipes):
    with Ledger.open(tmp_path, Budget(pictures=10, allow_unknown_price=True)) as ledger:
        first = run(ledger, *models(), recipes(10))
        paid = ledger.spend()
    again = models()
    files = {path.name: path.read_bytes() for path in (tmp_path / "blobs").iterdir()}
    with Ledger.open(tmp_path, Budget(pictures=1), replay=True) as ledger:
        assert run(ledger, *again, recipes(10)) == first
        replayed = ledger.spend()
    assert [model.log.calls for model in again] == [0, 0, 0]
    assert replayed.pictures == paid.pictures
    assert {path.name: path.read_bytes() for path in (tmp_path / "blobs").iterdir()} == files
    with Ledger.open(tmp_path, replay=True) as ledger:
        assert ledger.spend() == replayed


def test_a_replay_stops_at_what_was_never_recorded(tmp_path, recipes):
    with Ledger.open(tmp_path) as ledger:
        recorded(HashGenerator(), ledger).generate(recipes(2))
    model = HashGenerator()
    missed = pytest.raises(ReplayMiss, match=r"picture by hash at search / round 2, request .*\"seed\":2")
    with Ledger.open(tmp_path, replay=True) as ledger, position("search", "round 2"), missed:
        recorded(model, ledger).generate(recipes(3))
    assert model.log.calls == 0


def test_nothing_can_be_replayed_where_nothing_was_run(tmp_path):
    with pytest.raises(SessionError, match="nothing to replay"):
        Ledger.open(tmp_path / "typo", replay=True)
    assert not (tmp_path / "typo").exists()
