import math

import pytest

from limner.scoring import scorer_from_callable
from limner.types import Failure, Query, Score, Terms


def test_a_users_own_scorer_takes_five_lines(draw):
    def redness(request, image):
        red, green, blue = image.resize((1, 1)).getpixel((0, 0))
        return red - (green + blue) / 2

    mine = scorer_from_callable(redness, "redness")
    (score,) = mine.score([(Query.of("something red"), draw(0))])
    assert score == Score("redness", redness("", draw(0).image()))
    assert mine.identity == "callable:redness"


@pytest.mark.parametrize("said", [None, math.nan, math.inf])
def test_a_scorer_that_cannot_tell_says_none(draw, said):
    (score,) = scorer_from_callable(lambda *_: said, "unsure").score([(Query.of("x"), draw(0))])
    assert score.value is None


def test_it_sees_the_request_and_an_rgb_picture(draw):
    seen = []
    scorer_from_callable(lambda *given: seen.append(given) or 0.0, "spy").score([(Query("id", "a red fox"), draw(0))])
    assert seen[0][0] == "a red fox"
    assert seen[0][1].mode == "RGB"


def test_an_exception_of_the_function_is_told_in_the_pictures_place(draw):
    (failure,) = scorer_from_callable(lambda *_: 1 / 0, "bug").score([(Query.of("x"), draw(0))])
    assert isinstance(failure, Failure)
    assert "ZeroDivisionError" in failure.reason


def test_terms_are_as_given():
    assert (
        scorer_from_callable(lambda *_: 0.0, "paid", Terms(local=False, price_per_call=0.1)).terms.price_per_call == 0.1
    )
