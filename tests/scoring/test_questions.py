import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.scoring import QuestionScorer
from limner.testing.fakes import VisionFromFunction
from limner.types import Failure, Picture, Prompt, Query, Question, Recipe, Score

CIRCLE = Question("Is there a circle?", "exists")
RED = Question("Is the circle red?", "attribute", needs=(CIRCLE.text,))
LEFT = Question("Is the circle left of the square?", "relation", needs=(RED.text, "Is there a square?"))
SQUARE = Question("Is there a square?", "exists")
QUERY = Query.of("a red circle left of a square")


def picture(n=0):
    return Picture(b"picture %d" % n, Recipe(Prompt("p"), n), "test")


def judged(p_yes, questions):
    vision = VisionFromFunction(lambda _, question: p_yes[question.text])
    (score,) = QuestionScorer(vision, lambda _: questions).score([(QUERY, picture())])
    return score


def test_the_score_is_the_mean_of_p_yes_minus_p_no():
    score = judged({CIRCLE.text: 0.9, SQUARE.text: 0.6}, [CIRCLE, SQUARE])
    assert score.value == pytest.approx(((0.9 - 0.1) + (0.6 - 0.4)) / 2)
    assert score.parts == {"asked": 2, "yes": 2, "gated": 0}
    assert score.unanswered == 0


def test_a_child_of_a_denied_parent_counts_as_no():
    score = judged({CIRCLE.text: 0.2, RED.text: 0.99}, [CIRCLE, RED])
    assert score.value == pytest.approx((-0.6 - 1.0) / 2)
    assert score.parts["gated"] == 1
    assert score.evidence[1].answer.p_yes == 0.99


def test_denial_passes_to_grandchildren_in_whatever_order_they_are_asked():
    answers = {CIRCLE.text: 0.2, RED.text: 0.9, LEFT.text: 0.9, SQUARE.text: 1.0}
    score = judged(answers, [LEFT, RED, SQUARE, CIRCLE])
    assert score.value == pytest.approx((-0.6 - 1 - 1 + 1) / 4)
    assert score.parts == {"asked": 4, "yes": 1, "gated": 2}


def test_an_unreadable_answer_is_left_out_and_counted():
    score = judged({CIRCLE.text: None, RED.text: 0.8}, [CIRCLE, RED])
    assert score.value == pytest.approx(0.6)
    assert score.unanswered == 1
    assert len(score.evidence) == 2


@pytest.mark.parametrize("questions", [[], [CIRCLE]])
def test_nothing_to_go_by_is_none_and_never_zero(questions):
    score = judged({CIRCLE.text: None}, questions)
    assert score.value is None
    assert score.unanswered == len(questions)


def test_all_questions_of_a_batch_are_one_call_and_equal_ones_are_asked_once():
    vision = VisionFromFunction(lambda *_: 0.7)
    scores = QuestionScorer(vision, lambda _: [CIRCLE, SQUARE, CIRCLE]).score(
        [(QUERY, picture(0)), (Query.of("other"), picture(0)), (QUERY, picture(1))]
    )
    assert vision.log.shapes == [4]
    assert [score.value for score in scores] == pytest.approx([0.4] * 3)


@pytest.mark.parametrize(
    ("questions", "reason"),
    [
        ([RED], "which is not asked"),
        ([Question("a?", needs=("b?",)), Question("b?", needs=("a?",))], "in a circle"),
    ],
)
def test_impossible_needs_are_a_failure_in_place(questions, reason):
    vision = VisionFromFunction(lambda *_: 1.0)
    asked = {QUERY.id: questions, "fine": [CIRCLE]}
    scores = QuestionScorer(vision, lambda query: asked[query.id]).score(
        [(QUERY, picture()), (Query("fine", "a circle"), picture())]
    )
    assert isinstance(scores[0], Failure)
    assert reason in scores[0].reason
    assert isinstance(scores[1], Score)
    assert scores[1].value == 1.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.floats(0, 1), st.sets(st.integers(0, 9))), max_size=10))
def test_scores_stay_in_range_and_every_question_is_accounted_for(drawn):
    questions = [Question(str(n), needs=tuple(str(p) for p in needs if p < n)) for n, (_, needs) in enumerate(drawn)]
    score = judged({str(n): p for n, (p, _) in enumerate(drawn)}, questions)
    assert score.value is None or -1 <= score.value <= 1
    assert len(score.evidence) == len(questions)
    assert (score.value is None) == (score.unanswered == len(questions))
    assert score.parts["yes"] + score.parts["gated"] + score.unanswered <= len(questions)
