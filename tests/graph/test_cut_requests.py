"""A request that a judge had to cut is counted, so that a run can say so."""

from limner.graph.drawing import _judged
from limner.testing import HashGenerator, ScorerFromFunction
from limner.types import Prompt, Query, Recipe, Score


class Cutting(ScorerFromFunction):
    """Reads one word of a request."""

    def score(self, pairs):
        return [Score("cutting", 1.0, {"truncated": len(query.text.split()) - 1}) for query, _ in pairs]


def test_scores_of_cut_requests_are_counted():
    (picture,) = HashGenerator().generate([Recipe(Prompt("a"), 0)])
    pairs = [(Query.of("cat"), picture), (Query.of("two cats"), picture)]
    values, counts = _judged(Cutting(lambda query, picture: 1.0, "cutting"), pairs, "taste")
    assert values == [1.0, 1.0]
    assert counts == {"scores by taste of requests that it had to cut": 1}
