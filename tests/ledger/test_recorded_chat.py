import asyncio
from dataclasses import replace

import pytest

from limner.errors import BudgetSpent, ChatError, UnknownPrice, UsageError
from limner.ledger import Budget, Ledger, position, recorded
from limner.testing import ChatFromCallable
from limner.types import Message, Picture, Prompt, Recipe, Terms, Turn, Usage

TERMS = Terms(
    local=False,
    sampling=True,
    max_output_tokens=100,
    price_per_call=0.001,
    price_per_input_token=1e-6,
    price_per_output_token=2e-6,
)
ASK = [Message("system", "You are a critic."), Message("user", "Say why.")]


def ask(chat, *where, messages=ASK, schema=None):
    with position(*where):
        return asyncio.run(chat.turn(messages, schema))


def test_a_turn_is_paid_once_at_a_position_and_again_at_another(tmp_path):
    replies = iter(["first", "second"])
    model = ChatFromCallable(lambda *_: next(replies), terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        chat = recorded(model, ledger)
        said = [ask(chat, "critic", place).text for place in ("round 1", "round 2", "round 1")]
    assert said == ["first", "second", "first"]
    assert model.log.calls == 2


def test_messages_pictures_and_schema_each_make_another_call(tmp_path):
    model = ChatFromCallable(lambda messages, schema: "ok", terms=TERMS)
    picture = Picture(b"png", Recipe(Prompt("a"), 1), "m")
    with Ledger.open(tmp_path) as ledger:
        chat = recorded(model, ledger)
        ask(chat, "critic")
        ask(chat, "critic", messages=[*ASK, Message("user", "And?")])
        ask(chat, "critic", messages=[ASK[0], Message("user", "Say why.", (picture,))])
        ask(chat, "critic", schema={"type": "object"})
        ask(chat, "critic", schema={"type": "object"})
    assert model.log.calls == 4


def test_usage_settles_tokens_and_money(tmp_path):
    model = ChatFromCallable(lambda *_: Turn("ok", usage=Usage(40, 10)), terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        ask(recorded(model, ledger), "critic")
        spend = ledger.spend_by_role()["critic"]
    assert (spend.model_calls, spend.tokens, spend.money_usd) == (1, 50, 0.00106)


@pytest.mark.parametrize(("price", "paid"), [(None, 40e-6), (0.0, 10e-6), (0.5e-6, 25e-6)])
def test_cached_tokens_cost_their_own_price_or_what_the_others_do(tmp_path, price, paid):
    terms = replace(TERMS, price_per_call=0.0, price_per_cached_token=price)
    model = ChatFromCallable(lambda *_: Turn("ok", usage=Usage(40, 0, 30)), terms=terms)
    with Ledger.open(tmp_path) as ledger:
        ask(recorded(model, ledger), "critic")
        assert ledger.spend().money_usd == pytest.approx(paid)


def test_a_position_anew_stands_for_itself(tmp_path):
    model = ChatFromCallable(lambda *_: "ok", terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        chat = recorded(model, ledger)
        for outer in ("writer", "critic"):
            with position(outer, "round 1"), position("probe", anew=True):
                asyncio.run(chat.turn(ASK))
        assert list(ledger.spend_by_role()) == ["probe"]
    assert model.log.calls == 1


def test_unknown_usage_stays_at_what_was_reserved(tmp_path):
    model = ChatFromCallable(lambda *_: Turn("ok", usage=Usage(40, None)), terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        ask(recorded(model, ledger), "critic")
        # 17 and 8 bytes are 6 and 3 tokens, 8 for each message, 100 to come
        assert ledger.spend().tokens == 6 + 3 + 16 + 100
        assert ledger.spend().money_usd == pytest.approx(0.001 + 25e-6 + 200e-6)


def test_a_turn_that_may_pass_the_limit_is_not_asked(tmp_path):
    model = ChatFromCallable(lambda *_: Turn("ok", usage=Usage(1, 1)), terms=TERMS)
    with Ledger.open(tmp_path, Budget(tokens=124)) as ledger, pytest.raises(BudgetSpent) as spent:
        ask(recorded(model, ledger), "critic")
    assert spent.value.resource == "tokens"
    assert model.log.calls == 0


@pytest.mark.parametrize("name", ["price_per_call", "price_per_input_token", "price_per_output_token"])
def test_each_missing_price_is_an_error(tmp_path, name):
    model = ChatFromCallable(lambda *_: "ok", terms=Terms(local=False, **{name: None}))
    with Ledger.open(tmp_path) as ledger, pytest.raises(UnknownPrice):
        recorded(model, ledger)


def test_a_refusal_costs_nothing_and_is_asked_again(tmp_path):
    answers = iter([ChatError("refused"), "ok"])

    def reply(*_):
        answer = next(answers)
        if isinstance(answer, ChatError):
            raise answer
        return answer

    with Ledger.open(tmp_path) as ledger:
        chat = recorded(ChatFromCallable(reply, terms=TERMS), ledger)
        with pytest.raises(ChatError):
            ask(chat, "critic")
        assert ledger.spend().model_calls == 0
        assert ask(chat, "critic").text == "ok"


def test_a_cancelled_turn_stays_charged(tmp_path):
    async def cancelled(chat):
        with position("critic"):
            await asyncio.wait_for(chat.turn(ASK), 0.05)

    async def hang(*_):
        await asyncio.sleep(10)
        return "late"

    with Ledger.open(tmp_path) as ledger:
        with pytest.raises(TimeoutError):
            asyncio.run(cancelled(recorded(ChatFromCallable(hang, terms=TERMS), ledger)))
        spend = ledger.spend()
    assert (spend.model_calls, spend.unknown_outcome, spend.tokens) == (1, 1, 125)


def test_tasks_that_ask_the_same_at_once_pay_once(tmp_path):
    async def reply(*_):
        await asyncio.sleep(0.05)
        return "ok"

    async def all_at_once(chat):
        with position("critic"):
            return await asyncio.gather(*(chat.turn(ASK) for _ in range(5)))

    model = ChatFromCallable(reply, terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        turns = asyncio.run(all_at_once(recorded(model, ledger)))
    assert [turn.text for turn in turns] == ["ok"] * 5
    assert model.log.calls == 1


def test_a_long_reply_to_a_long_request_reads_back(tmp_path):
    model = ChatFromCallable(lambda *_: "word " * 5000, terms=TERMS)
    messages = [Message("user", "why? " * 5000)]
    for _ in range(2):
        with Ledger.open(tmp_path) as ledger:
            assert ask(recorded(model, ledger), "critic", messages=messages).text == "word " * 5000
    assert model.log.calls == 1
    assert len(list((tmp_path / "blobs").iterdir())) == 2


def test_a_sampling_chat_needs_a_position(tmp_path):
    with Ledger.open(tmp_path) as ledger, pytest.raises(UsageError, match="with position"):
        asyncio.run(recorded(ChatFromCallable(lambda *_: "ok", terms=TERMS), ledger).turn(ASK))
