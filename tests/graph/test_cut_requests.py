"""A request that a judge had to cut is counted, so that a run can say so."""

from limner.testing import ScorerFromFunction
from limner.types import Score


class Cutting(ScorerFromFunction):
    """Reads one word of a request."""

    def score(self, pairs):
        return [Score("cutting", 1.0, {"truncated": len(query.text.split()) - 1}) for query, _ in pairs]


def test_scores_of_cut_requests_are_counted(world):
    world.taste = Cutting(lambda query, picture: 1.0, "cutting")
    result = world.evolve(rounds=1)
    cut = result.failures["scores by taste of requests that it had to cut"]
    assert cut >= result.spend.scores > 0  # equal pictures of a query are scored once
