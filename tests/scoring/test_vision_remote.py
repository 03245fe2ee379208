"""A remote vision model against a server on loopback: each rung of its ladder, and whatever endpoints do wrong."""

import base64
import io
import json
import math
import threading

import pytest

from limner.errors import BudgetSpent, ChatError, UnknownPrice
from limner.ledger import Budget, Ledger, position, recorded
from limner.llm import OpenAIOptions
from limner.protocols import VisionModel
from limner.scoring import QuestionScorer, vision_model
from limner.testing.chat_server import ChatServer
from limner.types import Failure, Query, Question

ASKED = [Question("Is there a red circle?"), Question("Is the picture blue?")]
FREE = {"price_per_input_token": 0.0, "price_per_output_token": 0.0}


def _said(body):
    """What is asked, and the picture that it is asked about; two empty texts where none is shown."""
    shown = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
    return (shown[0][0]["text"], shown[0][1]["image_url"]["url"]) if shown else ("", "")


def _yes(body):
    """The truth about the probe's picture; of others, that there is a red circle."""
    return "red" in _said(body)[0]


def _reply(body):
    """A model that says probabilities where it is asked for them, else words."""
    if "percent" in str(body["messages"]):
        return json.dumps({"percent": 80 if _yes(body) else 10})
    return "Yes." if _yes(body) else "No."


def _chances(body):
    yes = {" Yes": 0.5, "yes": 0.25, "No": 0.125, "Sure": 0.125}
    return yes if _yes(body) else {"No": 0.9, "Yes": 0.1}


@pytest.fixture
def served():
    """served(reply, ...) -> a server and a vision model that asks it."""
    servers = []

    def serve(reply=_reply, script=(), options=None, **able):
        server = ChatServer(reply, script, **able)
        server.__enter__()
        servers.append(server)
        given = {"base_url": server.base_url, "retries": 1, "timeout": 10.0, **FREE, **(options or {})}
        return server, vision_model("openai:eye", chat=OpenAIOptions(**given))

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def asks(draw):
    return [(draw(0), question) for question in ASKED]


def test_it_keeps_the_protocol(served):
    _, model = served()
    assert isinstance(model, VisionModel)
    assert not model.terms.local
    assert model.identity.startswith("openai:eye@127.0.0.1:")
    assert model.answer([]) == []


def test_logprobs_of_every_spelling_are_read_where_they_are_told(served, asks):
    server, model = served(chances=_chances)
    with position("questions"):
        first, second = model.answer(asks)
    assert first.p_yes == pytest.approx(0.75 / 0.875)
    assert second.p_yes == pytest.approx(0.1)
    assert {first.rung, second.rung} == {"logprobs"}
    assert model.rung() == "logprobs"
    assert server.calls == 4  # two of the probe, two asked
    assert all(body["logprobs"] and body["top_logprobs"] == 5 for body in server.requests)
    assert all(body["max_tokens"] <= 16 for body in server.requests)


def test_without_logprobs_the_model_says_a_probability(served, asks):
    server, model = served(able=("vision",))
    with position("questions"):
        answers = model.answer(asks)
    assert [answer.p_yes for answer in answers] == pytest.approx([0.8, 0.1])
    assert {answer.rung for answer in answers} == {"verbal"}
    before = server.calls
    with position("questions"):
        model.answer(asks)
    assert server.calls == before + 2  # the ladder is probed once


def test_logprobs_that_are_promised_and_empty_are_not_believed(served, asks):
    _, model = served(chances=lambda body: {"<think>": 0.999, "Yes": 0.001})
    with position("questions"):
        assert [answer.rung for answer in model.answer(asks)] == ["verbal", "verbal"]


def test_a_model_that_can_only_say_yes_and_no_does(served, asks):
    def words(body):
        return "<think>Is it? no.</think> Yes, there is." if _yes(body) else "No"

    _, model = served(words, able=("vision",), enforces=False)
    with position("questions"):
        answers = model.answer(asks)
    assert [answer.p_yes for answer in answers] == [1.0, 0.0]
    assert {answer.rung for answer in answers} == {"words"}


def test_an_endpoint_that_takes_no_pictures_says_so(served, asks):
    _, model = served(able=("logprobs",))
    with position("questions"), pytest.raises(ChatError, match="cannot be asked about pictures"):
        model.answer(asks)


@pytest.mark.parametrize(("behaviour", "message"), [("unauthorized", "key"), ("unknown", "name"), ("quota", "quota")])
def test_an_endpoint_that_answers_nothing_ends_the_run_with_its_reason(served, asks, behaviour, message):
    _, model = served(script=[behaviour])
    with position("questions"), pytest.raises(ChatError, match=message):
        model.answer(asks)


@pytest.mark.parametrize("behaviour", ["refuse", "filter", "empty", "garbage", "cut", "bad", "no_choices"])
def test_a_question_that_gets_no_usable_reply_is_unreadable_and_says_why(served, asks, behaviour):
    _, model = served(script=["fine"] * 2 + [behaviour], chances=_chances)
    with position("questions"):
        (one,) = model.answer(asks[:1])
        (two,) = model.answer(asks[1:])
    assert (one.p_yes is None) == (behaviour not in ("empty", "filter"))
    assert one.p_yes is not None or one.reason
    assert two.p_yes is not None


def test_wrong_text_is_unreadable(served, asks):
    def shy(body):
        return "I would rather not say." if "circle" in _said(body)[0] else _reply(body)

    _, model = served(shy, enforces=False, able=("vision",))
    with position("questions"):
        first, second = model.answer(asks)
    assert first.p_yes is None
    assert "SaidChance" in first.reason
    assert second.p_yes == pytest.approx(0.1)


def test_a_limit_is_waited_for(served, asks):
    server, model = served(script=["limit", "fine", "limit"], chances=_chances)
    with position("questions"):
        assert all(answer.p_yes is not None for answer in model.answer(asks))
    assert server.calls == 6


def test_questions_are_under_way_together_in_one_thread(served, draw):
    gate = threading.Barrier(4, timeout=10)

    def together(body):
        if "circle" in str(body["messages"][-1]["content"]):
            gate.wait()
        return _reply(body)

    _, model = served(together, chances=_chances)
    threads = threading.active_count()
    with position("questions"):
        answers = model.answer([(draw(n), ASKED[0]) for n in range(4)])
    assert all(answer.p_yes is not None for answer in answers)
    assert [thread.name for thread in threading.enumerate()].count("limner-requests") <= threads + 1


def test_pictures_are_sent_small_and_a_broken_one_is_not_sent(served, draw, broken):
    from PIL import Image

    server, model = served(chances=_chances, options={"picture_side": 64})
    with position("questions"):
        large, lost = model.answer([(draw(0, (300, 200)), ASKED[0]), (broken, ASKED[0])])
    assert large.p_yes is not None
    assert lost.p_yes is None
    assert "decoded" in lost.reason
    _, url = _said(server.requests[-1])
    sent = Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2])))
    assert sent.format == "JPEG"
    assert max(sent.size) == 64


def test_every_question_is_paid_once_by_its_tokens(served, asks, tmp_path):
    prices = {"price_per_input_token": 1e-3, "price_per_output_token": 1e-2}
    server, model = served(chances=_chances, options=prices)
    with Ledger.open(tmp_path / "one", Budget(model_calls=10)) as ledger:
        seen = recorded(model, ledger)
        with position("questions"):
            first = seen.answer(asks)
            assert seen.answer(asks) == first
        spend = ledger.spend()
    assert server.calls == spend.model_calls == 4
    told, said = server.usage.input_tokens, server.usage.output_tokens
    assert spend.tokens == told + said
    assert spend.money_usd == pytest.approx(1e-3 * told + 1e-2 * said)

    # Resumed: nothing is asked, also no probe.
    with Ledger.open(tmp_path / "one", Budget(model_calls=10)) as ledger, position("questions"):
        assert recorded(model, ledger).answer(asks) == first
    assert server.calls == 4


def test_a_spent_budget_stops_before_the_turn_that_does_not_fit(served, draw, tmp_path):
    server, model = served(chances=_chances)
    with Ledger.open(tmp_path / "one", Budget(model_calls=5)) as ledger:
        with position("questions"), pytest.raises(BudgetSpent):
            recorded(model, ledger).answer([(draw(n), ASKED[0]) for n in range(8)])
        assert ledger.spend().model_calls == server.calls == 5


def test_an_unknown_price_is_refused_before_the_first_call(served, tmp_path):
    unknown = {"price_per_input_token": None, "price_per_output_token": None}
    server, model = served(options=unknown)
    with Ledger.open(tmp_path / "one", Budget()) as ledger, pytest.raises(UnknownPrice):
        recorded(model, ledger)
    assert server.calls == 0


def test_unanswered_questions_are_counted_by_the_scorer(served, draw):
    script = ["fine"] * 2 + ["refuse"]
    _, model = served(script=script, chances=_chances)
    with position("questions"):
        (score,) = QuestionScorer(model, lambda _: ASKED).score([(Query.of("a red circle"), draw(0))])
    assert not isinstance(score, Failure)
    assert score.unanswered == 1
    assert math.isfinite(score.value)


def test_nonsense_for_logprobs_is_none(served, asks):
    from limner.llm.reading import turn_of

    def body(logprobs):
        choice = {"message": {"content": "Yes"}, "finish_reason": "stop", "logprobs": logprobs}
        return json.dumps({"choices": [choice]}).encode()

    for nonsense in (None, [], {"content": None}, {"content": ["x"]}, {"content": [{"token": "Yes", "logprob": "a"}]}):
        assert turn_of(body(nonsense), "m").first == ()
    told = {"content": [{"token": "Yes", "logprob": -0.5, "top_logprobs": [{"token": "No", "logprob": -1}, 7]}]}
    assert turn_of(body(told), "m").first == (("Yes", -0.5), ("No", -1.0))
