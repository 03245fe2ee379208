import pytest

import limner


@pytest.mark.parametrize("name", limner.__all__)
def test_every_public_name_is_there(name):
    assert getattr(limner, name) is not None
    assert name in dir(limner)


def test_public_names_are_sorted_and_each_has_a_place():
    assert limner.__all__ == sorted(limner.__all__)
    assert set(limner.__all__) == set(limner._WHERE)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'limner' has no attribute 'evolv'"):
        _ = limner.evolv


def test_a_generator_and_a_scorer_of_ones_own_in_a_few_lines(tmp_path):
    from PIL import Image

    def draw(recipe: limner.Recipe) -> Image.Image:
        return Image.new("RGB", (8, 8), (len(recipe.prompt.text) % 256, recipe.seed % 256, 0))

    def shorter_is_better(query: str, picture) -> float:
        return -float(picture.getpixel((0, 0))[0])

    result = limner.evolve(
        ["a red circle", "a blue square"],
        generator=limner.generator(draw, name="mine"),
        taste=limner.scorer(shorter_is_better, name="short"),
        questions=None,
        questions_weight=0.0,
        professional=lambda query, count: [],
        rounds=1,
        out=tmp_path,
    )
    assert result.models == {"generator": "callable:mine", "taste": "callable:short", "agents": "directives"}
    assert "<html" in result.report.read_text()
    assert result.instruction.text in result._repr_html_()
