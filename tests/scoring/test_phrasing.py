import pytest

from limner.ledger.codec import decode, encode
from limner.scoring import QuestionScorer
from limner.scoring.phrasing import again
from limner.testing import VisionFromFunction
from limner.types import Picture, Prompt, Query, Question, Recipe

CIRCLE, RED = (
    Question("Is there a circle?", "exists"),
    Question("Is the circle red?", "attribute", ("Is there a circle?",)),
)
PICTURE = Picture(b"p", Recipe(Prompt("p"), 0), "t")


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("Is there a red circle?", "Does the picture show a red circle?"),
        ("Are there exactly two circles?", "Does the picture show exactly two circles?"),
        ("Does the image contain a bee?", "Can a bee be seen in the picture?"),
        ("Is the circle red?", 'Somebody who sees the picture is asked: "Is the circle red?" Should they say yes?'),
    ],
)
def test_the_second_wording(question, other):
    assert again(question) == other


def _scored(said):
    vision = VisionFromFunction(lambda _, question: said[question.text])
    scorer = QuestionScorer(vision, lambda _: [CIRCLE, RED], twice=True)
    (score,) = scorer.score([(Query.of("a red circle"), PICTURE)])
    return scorer, vision, score


def test_two_wordings_are_averaged_and_their_distance_is_told():
    scorer, vision, score = _scored({CIRCLE.text: 0.9, again(CIRCLE.text): 0.7, RED.text: 0.8, again(RED.text): 0.4})
    assert vision.log.shapes == [4]
    assert scorer.identity.endswith("/twice")
    assert score.value == pytest.approx((0.6 + 0.2) / 2)
    assert score.parts["disagreement"] == pytest.approx(0.3)
    assert [seen.again.p_yes for seen in score.evidence] == [0.7, 0.4]
    assert decode(encode(score).text, lambda _: b"") == score


def test_one_readable_wording_is_enough_and_none_is_unanswered():
    _, _, score = _scored({CIRCLE.text: None, again(CIRCLE.text): 0.7, RED.text: None, again(RED.text): None})
    assert score.value == pytest.approx(0.4)
    assert score.unanswered == 1
    assert "disagreement" not in score.parts


def test_a_parent_denied_by_both_together_gates():
    _, _, score = _scored({CIRCLE.text: 0.6, again(CIRCLE.text): 0.2, RED.text: 1.0, again(RED.text): 1.0})
    assert score.parts["gated"] == 1
