import asyncio
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.errors import BudgetSpent, GenerationError, UnknownPrice, UsageError
from limner.ledger import Budget, Ledger, position, recorded
from limner.testing import ChatFromCallable, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Message, Picture, Prompt, Query, Question, Recipe, Terms, Turn, Usage

PICTURE = Picture(b"png", Recipe(Prompt("a"), 1), "m")
REMOTE = Terms(local=False, batch=2, price_per_call=0.1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("name", ["pictures", "model_calls", "tokens", "money_usd", "seconds"])
@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_under_which_nothing_could_run_is_refused(name, limit):
    with pytest.raises(UsageError, match=f"budget for {name} must be above 0"):
        Budget(**{name: limit})


def test_a_batch_that_does_not_fit_is_not_started_and_the_ones_before_stay(tmp_path, recipes):
    model = HashGenerator(terms=Terms(batch=4))
    with Ledger.open(tmp_path, Budget(pictures=10)) as ledger:
        with pytest.raises(BudgetSpent, match="8 of 10 are paid and the next call needs 4") as spent:
            recorded(model, ledger).generate(recipes(12))
        assert spent.value.resource == "pictures"
        assert ledger.spend().pictures == 8
    with Ledger.open(tmp_path, Budget(pictures=12)) as ledger:
        assert len(recorded(model, ledger).generate(recipes(12))) == 12
        assert ledger.spend().pictures == 12
    assert model.log.shapes == [4, 4, 4]


def test_the_last_picture_of_a_budget_is_drawn(tmp_path, recipes):
    with Ledger.open(tmp_path, Budget(pictures=5)) as ledger:
        generator = recorded(HashGenerator(terms=Terms(batch=2)), ledger)
        generator.generate(recipes(5))
        assert ledger.short_of(pictures=1) == "pictures"
        assert len(generator.generate(recipes(5))) == 5
        with pytest.raises(BudgetSpent):
            generator.generate(recipes(6))


def test_answers_are_model_calls_and_scores_are_only_counted(tmp_path):
    with Ledger.open(tmp_path, Budget(model_calls=2, pictures=1)) as ledger:
        eye = recorded(VisionFromFunction(lambda picture, question: 0.5, terms=Terms(batch=1)), ledger)
        scorer = recorded(ScorerFromFunction(lambda query, picture: 1.0), ledger)
        with pytest.raises(BudgetSpent) as spent:
            eye.answer([(PICTURE, Question(f"Question {number}?")) for number in range(3)])
        assert spent.value.resource == "model_calls"
        scorer.score([(Query(str(number), "a"), PICTURE) for number in range(20)])
        assert (ledger.spend().model_calls, ledger.spend().scores) == (2, 20)


def test_three_times_a_tenth_fits_into_three_tenths(tmp_path, recipes):
    """Sums of binary fractions would refuse the third picture."""
    with Ledger.open(tmp_path, Budget(money_usd=0.3)) as ledger:
        generator = recorded(HashGenerator(terms=Terms(local=False, batch=1, price_per_call=0.1)), ledger)
        generator.generate(recipes(3))
        assert ledger.spend().money_usd == 0.3
        with pytest.raises(BudgetSpent, match=r"0\.3 of 0\.3") as spent:
            generator.generate(recipes(4))
    assert spent.value.resource == "money_usd"


def test_no_call_starts_after_the_deadline_and_time_adds_up_over_processes(tmp_path, recipes):
    clock = Clock()

    class Slow(HashGenerator):
        def generate(self, recipes):
            clock.now += 4
            return super().generate(recipes)

    model = Slow(terms=Terms(batch=1))
    with Ledger.open(tmp_path, Budget(seconds=10), clock=clock) as ledger:
        recorded(model, ledger).generate(recipes(1))
        assert ledger.seconds_left() == 6
        assert ledger.short_of() is None
    clock.now += 1000  # the time between two sittings is not active time
    with Ledger.open(tmp_path, Budget(seconds=10), clock=clock) as ledger:
        assert ledger.seconds_left() == 6
        with pytest.raises(BudgetSpent) as spent:
            recorded(model, ledger).generate(recipes(5))
        assert spent.value.resource == "seconds"
        assert (ledger.spend().pictures, ledger.spend().seconds) == (3, 12)
        assert (ledger.seconds_left(), ledger.short_of()) == (0, "seconds")
        assert len(recorded(model, ledger).generate(recipes(3))) == 3


def test_without_a_deadline_there_is_none(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        assert ledger.seconds_left() is None


@pytest.mark.parametrize("terms", [Terms(local=False, price_per_call=None), Terms(price_per_call=None)])
def test_an_unknown_price_is_an_error_before_the_first_call(tmp_path, terms):
    model = HashGenerator("dear", terms=terms)
    with Ledger.open(tmp_path) as ledger, pytest.raises(UnknownPrice, match="price of dear is not known"):
        recorded(model, ledger)


def test_an_unknown_price_that_is_allowed_is_counted(tmp_path, recipes):
    model = HashGenerator(terms=Terms(local=False, price_per_call=None))
    with Ledger.open(tmp_path, Budget(allow_unknown_price=True)) as ledger:
        recorded(model, ledger).generate(recipes(3))
        assert (ledger.spend().unknown_price, ledger.spend().money_usd) == (3, 0)


def test_a_remote_call_that_fails_by_its_own_account_costs_nothing(tmp_path, recipes):
    class Refusing(HashGenerator):
        def generate(self, recipes):
            raise GenerationError("refused")

    with Ledger.open(tmp_path) as ledger:
        with pytest.raises(GenerationError):
            recorded(Refusing(terms=REMOTE), ledger).generate(recipes(2))
        assert (ledger.spend().pictures, ledger.spend().unknown_outcome) == (0, 0)


@pytest.mark.parametrize(("local", "pictures", "unknown"), [(True, 2, 0), (False, 4, 2)])
def test_a_call_that_is_cut_off_stays_charged_only_if_remote(tmp_path, recipes, local, pictures, unknown):
    class CutOff(HashGenerator):
        def generate(self, recipes):
            if not self.log.calls:
                self.log.add(recipes)
                raise KeyboardInterrupt
            return super().generate(recipes)

    with Ledger.open(tmp_path, Budget(pictures=4)) as ledger:
        generator = recorded(CutOff(terms=Terms(local=local, batch=2)), ledger)
        with pytest.raises(KeyboardInterrupt):
            generator.generate(recipes(2))
        generator.generate(recipes(2))
        assert (ledger.spend().pictures, ledger.spend().unknown_outcome) == (pictures, unknown)


def test_what_is_paid_is_known_by_role(tmp_path, recipes):
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(HashGenerator(terms=REMOTE), ledger)
        with position("search", "round 1"):
            generator.generate(recipes(2))
        with position("final"):
            generator.generate(recipes(3))
        generator.generate(recipes(4))
        by_role = ledger.spend_by_role()
        assert {role: spend.pictures for role, spend in by_role.items()} == {"search": 2, "final": 1, "other": 1}
        assert by_role["search"].money_usd == 0.2
        assert sum(spend.pictures for spend in by_role.values()) == ledger.spend().pictures


def test_a_call_waits_while_others_under_way_may_leave_room(tmp_path, recipes):
    """A reservation is an upper bound: the second picture fits, because the first will turn out a failure."""
    begun, go_on = threading.Event(), threading.Event()

    class Held(HashGenerator):
        def generate(self, recipes):
            if recipes[0].seed == 0:
                begun.set()
                assert go_on.wait(10)
            return super().generate(recipes)

    with Ledger.open(tmp_path, Budget(pictures=1)) as ledger:
        generator = recorded(Held(failing=[0]), ledger)
        first, second = recipes(2)
        threads = [threading.Thread(target=generator.generate, args=([recipe],)) for recipe in (first, second)]
        threads[0].start()
        assert begun.wait(10)
        threads[1].start()
        assert ledger.short_of(pictures=1) == "pictures"
        go_on.set()
        for thread in threads:
            thread.join()
        assert ledger.spend().pictures == 1
        assert isinstance(generator.generate([second])[0], Picture)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5), st.integers(1, 150))
def test_tokens_reserve_what_a_turn_may_cost_and_settle_by_usage(used, limit):
    """Whatever turns use, the sum never passes the limit by more than an estimate was wrong."""
    usages = iter(used)
    terms = Terms(local=False, sampling=True, max_output_tokens=30, price_per_input_token=1e-6)
    with TemporaryDirectory() as folder, Ledger.open(Path(folder), Budget(tokens=limit)) as ledger:
        chat = recorded(ChatFromCallable(lambda *_: Turn("ok", usage=Usage(*next(usages))), terms=terms), ledger)
        paid = 0
        for turn, (tokens_in, tokens_out) in enumerate(used):
            message = Message("user", "w" * 66)  # reserves 22 + 8 + 30 tokens
            with position("critic", f"turn {turn}"):
                if paid + 60 > limit:
                    with pytest.raises(BudgetSpent):
                        asyncio.run(chat.turn([message]))
                    break
                asyncio.run(chat.turn([message]))
            paid += tokens_in + tokens_out
        assert ledger.spend().tokens == paid <= limit
