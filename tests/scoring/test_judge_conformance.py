"""What every scorer and every vision model must do, run against each of them."""

import math

import pytest

from limner.protocols import Scorer, VisionModel
from limner.scoring import QuestionScorer, scorer, scorer_from_callable, vision_model
from limner.testing.fakes import ScorerFromFunction, VisionFromFunction
from limner.types import Answer, Failure, Query, Question, Score, Terms

QUERIES = [Query.of(text) for text in ("a red circle", "two blue squares", "a circle", "red")]


def _brightness(_, image):
    return sum(image.convert("L").histogram()[128:]) / (image.width * image.height)


def _p_yes(picture, question):
    return (int(picture.sha256[:4], 16) + len(question.text)) % 100 / 99


def _questions(query):
    return (Question(f"Is there {query.text}?"), Question("Is the picture drawn well?", "quality"))


@pytest.fixture(params=["hps", "pickscore", "aesthetic", "callable", "questions", "function"])
def judge(request, clip_folder, aesthetic_folder):
    return {
        "hps": lambda: scorer(f"hps:{clip_folder}", batch=4),
        "pickscore": lambda: scorer(f"pickscore:{clip_folder}", batch=4),
        "aesthetic": lambda: scorer(f"aesthetic:{aesthetic_folder}", batch=4),
        "callable": lambda: scorer_from_callable(_brightness, "brightness"),
        "questions": lambda: QuestionScorer(VisionFromFunction(_p_yes), _questions),
        "function": lambda: ScorerFromFunction(lambda query, picture: _p_yes(picture, Question(query.text))),
    }[request.param]()


LOCAL = ["llava", "qwen2_vl", "qwen2_5_vl", "vilt", "blip"]


@pytest.fixture(params=[*LOCAL, "function"])
def eye(request, vision_folders):
    if request.param == "function":
        return VisionFromFunction(_p_yes)
    return vision_model(f"transformers:{vision_folders[request.param]}", batch=4)


@pytest.fixture
def pairs(draw):
    return [(QUERIES[n % 4], draw(n, (48, 40 + n))) for n in range(10)]


@pytest.fixture
def asks(draw):
    texts = ("Is there a red circle?", "Is the picture drawn well?", "Is there a blue square or a circle?")
    return [(draw(n // 3), Question(texts[n % 3])) for n in range(10)]


def test_scorer_keeps_the_protocol(judge):
    assert isinstance(judge, Scorer)
    assert isinstance(judge.terms, Terms)
    assert judge.identity
    assert judge.identity == judge.identity
    assert judge.score([]) == []


def test_scores_come_in_order_whatever_the_batch(judge, pairs):
    together = judge.score(pairs)
    alone = [judge.score([pair])[0] for pair in pairs]
    assert all(isinstance(score, Score) and math.isfinite(score.value) for score in together)
    assert [score.value for score in together] == pytest.approx([score.value for score in alone], abs=1e-3)
    assert len({round(score.value, 6) for score in together}) > 5
    assert [s.value for s in judge.score(pairs[::-1])] == pytest.approx([s.value for s in together[::-1]], abs=1e-3)


def test_the_same_batch_scores_the_same_bits(judge, pairs):
    assert judge.score(pairs) == judge.score(pairs)


@pytest.mark.parametrize("judge", ["hps", "pickscore", "aesthetic", "callable"], indirect=True)
def test_one_bad_picture_is_a_failure_in_its_place(judge, pairs, broken):
    spoilt = [*pairs[:3], (QUERIES[0], broken), *pairs[3:]]
    scores = judge.score(spoilt)
    assert isinstance(scores[3], Failure)
    assert scores[3].boundary == "ScoringError"
    assert broken.sha256[:12] in scores[3].reason
    assert [s.value for s in scores[:3] + scores[4:]] == pytest.approx([s.value for s in judge.score(pairs)], abs=1e-3)


def test_vision_model_keeps_the_protocol(eye):
    assert isinstance(eye, VisionModel)
    assert isinstance(eye.terms, Terms)
    assert eye.identity == eye.identity
    assert eye.answer([]) == []


def test_answers_come_in_order_whatever_the_batch(eye, asks):
    together = eye.answer(asks)
    alone = [eye.answer([ask])[0] for ask in asks]
    assert all(isinstance(answer, Answer) and 0 <= answer.p_yes <= 1 for answer in together)
    assert [answer.p_yes for answer in together] == pytest.approx([answer.p_yes for answer in alone], abs=1e-4)
    assert len({answer.p_yes for answer in together}) > 5


def test_the_same_batch_answers_the_same_bits(eye, asks):
    assert eye.answer(asks) == eye.answer(asks)


@pytest.mark.parametrize("eye", LOCAL, indirect=True)
def test_one_bad_picture_is_unreadable_in_its_place(eye, asks, broken):
    answers = eye.answer([asks[0], (broken, asks[0][1]), asks[1]])
    assert answers[1].p_yes is None
    assert "decoded" in answers[1].reason
    assert answers[0].p_yes is not None
    assert answers[2].p_yes == pytest.approx(eye.answer([asks[1]])[0].p_yes, abs=1e-4)
