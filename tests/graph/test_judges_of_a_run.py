"""Who judges the pictures of a run: never, unasked, the judges of another world."""

from pathlib import Path

import pytest
from PIL import Image

import limner
from limner.errors import SettingsError, UsageError
from limner.graph.options import prepare
from limner.graph.wiring import build_models
from limner.testing import HashGenerator, ScorerFromFunction

QUERIES = ["a red circle", "a blue square"]


def test_default_judges_do_not_judge_another_generator() -> None:
    with pytest.raises(SettingsError, match="no judge for taste and questions"):
        prepare(QUERIES, generator="diffusers:some/model")


def test_the_judge_that_was_left_out_is_named() -> None:
    with pytest.raises(SettingsError, match="no judge for questions:"):
        prepare(QUERIES, generator=HashGenerator(), taste="hps:v2.1")


@pytest.mark.parametrize("left_out", [{"questions": None}, {"questions": "none"}, {"questions_weight": 0.0}])
def test_a_judge_can_be_left_out(left_out: dict[str, object]) -> None:
    taste = ScorerFromFunction(lambda query, picture: 1.0)
    prepared = prepare(QUERIES, generator=HashGenerator(), taste=taste, **left_out)
    assert build_models(prepared.settings, prepared.given).vision is None


def test_the_embedded_judges_judge_others_where_asked() -> None:
    settings = prepare(QUERIES, generator=HashGenerator(), taste="microworld", questions="microworld").settings
    assert (settings.models.taste, settings.models.questions) == ("microworld", "microworld")


def test_a_resumed_session_asks_for_its_own_models(tmp_path: Path) -> None:
    sketch = limner.generator(lambda recipe: Image.new("RGB", (8, 8), (recipe.seed % 256, 0, 0)), name="sketch")
    taste = limner.scorer(lambda request, picture: 1.0, name="content")
    limner.evolve(QUERIES, generator=sketch, taste=taste, questions=None, rounds=1, out=tmp_path, session="mine")
    with pytest.raises(SettingsError, match=r"generator is 'callable:sketch'.* give it again"):
        limner.evolve(resume=tmp_path / "mine", taste=taste)
    with pytest.raises(SettingsError, match=r"taste is 'callable:content'.* give it again"):
        limner.evolve(resume=tmp_path / "mine", generator=sketch)


def test_someone_has_to_judge(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no judge"):
        limner.evolve(QUERIES, generator=HashGenerator(), taste=None, questions=None, out=tmp_path)


@pytest.mark.parametrize(("role", "hint"), [("generator", r"limner\.generator"), ("taste", r"limner\.scorer")])
def test_a_bare_function_is_told_how_to_become_a_model(role: str, hint: str) -> None:
    models = {"generator": HashGenerator(), "taste": ScorerFromFunction(lambda query, picture: 1.0), "questions": None}
    with pytest.raises(UsageError, match=rf"cannot be the {role}: .*{hint}\(function, name="):
        prepare(QUERIES, **{**models, role: lambda *given: None})
