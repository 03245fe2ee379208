from limner.ledger import Budget, Ledger, recorded
from limner.testing import HashGenerator
from limner.types import Failure, Picture, Terms

LOST = Failure("ReplyLost", "timed out")


class Losing(HashGenerator):
    """Loses the reply to odd seeds while `losing`."""

    losing = True

    def generate(self, recipes):
        drawn = super().generate(recipes)
        return [LOST if self.losing and one.recipe.seed % 2 else one for one in drawn]


def test_a_lost_reply_stays_charged_and_is_asked_again(tmp_path, recipes):
    model = Losing(terms=Terms(local=False, batch=4, price_per_call=0.25))
    with Ledger.open(tmp_path, Budget(pictures=6)) as ledger:
        first = recorded(model, ledger).generate(recipes(4))
        assert [isinstance(one, Picture) for one in first] == [True, False, True, False]
        spend = ledger.spend()
        assert (spend.pictures, spend.unknown_outcome, spend.money_usd) == (4, 2, 1.0)
    model.losing = False
    with Ledger.open(tmp_path, Budget(pictures=6)) as ledger:
        again = recorded(model, ledger).generate(recipes(4))
        assert all(isinstance(one, Picture) for one in again)
        assert ledger.spend().pictures == 6
    assert model.log.shapes == [4, 2]


def test_a_batch_of_which_nothing_came_back_is_charged_whole(tmp_path, recipes):
    model = Losing(terms=Terms(local=False, batch=4))
    with Ledger.open(tmp_path) as ledger:
        assert recorded(model, ledger).generate([recipe for recipe in recipes(8) if recipe.seed % 2]) == [LOST] * 4
        assert (ledger.spend().pictures, ledger.spend().unknown_outcome) == (4, 4)
