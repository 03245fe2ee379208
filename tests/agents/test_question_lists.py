"""Benchmarks' question lists: each format as published, and files that are damaged or mean harm."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limner.agents.lists import FORMATS, format_of, question_list
from limner.errors import QueryError
from limner.scoring import QuestionScorer
from limner.testing import VisionFromFunction
from limner.types import Picture, Prompt, Query, Question, Recipe, Score

GENEVAL = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"},
    {"tag": "counting", "include": [{"class": "clock", "count": 2}], "exclude": [{"class": "clock", "count": 3}],
     "prompt": "a photo of two clocks"},
    {"tag": "position", "include": [{"class": "dog", "count": 1},
     {"class": "teddy bear", "count": 1, "position": ["left of", 0]}],
     "prompt": "a photo of a teddy bear left of a dog"},
    {"tag": "color_attr", "include": [{"class": "suitcase", "count": 1, "color": "purple"},
     {"class": "pizza", "count": 1, "color": "orange"}], "prompt": "a photo of a purple suitcase and an orange pizza"},
]  # fmt: skip
GENEVAL2 = [{
    "prompt": "four white bicycles in front of three plastic cows", "atom_count": 7,
    "vqa_list": [["How many bicycles are in the image?", "four"], ["Are the bicycles white?", "Yes"],
                 ["Are there any bicycles in the image?", "Yes"], ["Are the bicycles in front of the cows?", "Yes"],
                 ["How many cows are in the image?", "three"], ["Are the cows plastic?", "Yes"],
                 ["Are there any cows in the image?", "Yes"]],
    "skills": ["count", "attribute", "object", "position", "count", "attribute", "object"],
}]  # fmt: skip
CONCEPTMIX = [
    {"index": 1, "sentence": "There are two tiny hills. A cave is inside one of the hills.",
     "categories": ["object", "number", "size", "spatial"], "skills": ["hill", "2", "tiny", "inside"],
     "question": ["Does the image contain hills?", "", "Does the image contain exactly two hills?", "",
                  "Are the hills tiny in size?", "", "Is the cave positioned within the boundaries of a hill?  "]},
    {"index": 2, "sentence": "A sheep in the style of impressionism.", "categories": ["object", "style"],
     "skills": ["sheep", "impressionism"],
     "question": ["Does the image contain a sheep?", "Is the style of the image impressionism?"]},
]  # fmt: skip
HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n"
)
DPG = HEADER + (
    '12,"A red kite, high above.",,1,0,entity,whole,entity - whole (kite),Is there a kite?\n'
    '12,"A red kite, high above.",,2,1,attribute,color,"attribute - color (kite, red)",Is the kite red?\n'
    '12,"A red kite, high above.",,3,"1,2",relation,spatial,"relation - spatial (kite, high)",Is the kite high up?\n'
    '7,"Three\nboats",,1,0,entity,whole,entity - whole (boats),Are there boats?\n'
    '7,"Three\nboats",,2,1,other,count,"other - count (boats, ==3)",Are there three boats?\n'
)


@pytest.fixture
def written(tmp_path):
    """written(name, content) -> the path of a file; objects become JSON lines or JSON."""

    def write(name, content):
        path = tmp_path / name
        if not isinstance(content, str):
            lines = name.endswith(".jsonl")
            content = "\n".join(map(json.dumps, content)) if lines else json.dumps(content, indent=4)
        path.write_text(content, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("evaluation_metadata.jsonl", GENEVAL, "geneval"),
        ("geneval2_data.jsonl", GENEVAL2, "geneval2"),
        ("300_sentences_k=3.json", CONCEPTMIX, "conceptmix"),
        ("dpg_bench.csv", DPG, "dpg-bench"),
        ("3d_spatial_val.txt", "a man in front of a car\n", "t2i-compbench"),
        ("requests.txt", "a man in front of a car\n", None),
        ("requests.jsonl", [{"query": "a kite"}], None),
        ("broken.jsonl", "{", None),
    ],
)
def test_a_format_is_found_out(written, name, content, form):
    path = written(name, content)
    assert format_of(path) == form
    if form:
        assert question_list(path) == question_list(path, form)


def _by_text(entry):
    return {question.text: (question.kind, question.needs) for question in entry.questions}


def test_geneval(written):
    found = question_list(written("evaluation_metadata.jsonl", GENEVAL))
    assert found.texts == [row["prompt"] for row in GENEVAL]
    assert [entry.tag for entry in found.entries] == ["single_object", "counting", "position", "color_attr"]
    bench, clocks, position, colours = map(_by_text, found.entries)
    assert bench == {"Is there a bench?": ("exists", ())}
    assert clocks["Are there exactly two clocks?"] == ("count", ("Is there a clock?",))
    needs = ("Is there a teddy bear?", "Is there a dog?")
    assert position["Is the teddy bear left of the dog?"] == ("relation", needs)
    assert colours["Is the pizza orange?"] == ("attribute", ("Is there a pizza?",))
    assert len(colours) == 4


def test_geneval_counts_at_least_where_nothing_forbids_more(written):
    rows = [
        {"include": [{"class": "fox", "count": 2}], "prompt": "two foxes"},
        {"include": [{"class": "cup"}], "exclude": [{"class": "person", "count": 1}], "prompt": "a cup, nobody there"},
        {"include": [{"class": "cat", "color": "red"}, {"class": "cat", "color": "blue"}], "prompt": "cats"},
    ]
    foxes, cup, cats = map(_by_text, question_list(written("g.jsonl", rows)).entries)
    assert "Are there at least two foxes?" in foxes
    assert cup["Is the picture without any person?"] == ("count", ())
    assert list(cats) == ["Is there a red cat?", "Is there a blue cat?"]


def test_geneval2(written):
    (entry,) = question_list(written("geneval2_data.jsonl", GENEVAL2)).entries
    asked = _by_text(entry)
    bicycles, cows = "Are there any bicycles in the image?", "Are there any cows in the image?"
    assert asked["Are there exactly four bicycles in the image?"] == ("count", (bicycles,))
    assert asked["Are the cows plastic?"] == ("attribute", (cows,))
    assert asked["Are the bicycles in front of the cows?"] == ("relation", (bicycles, cows))
    assert asked[cows] == ("exists", ())
    assert (entry.tag, len(asked)) == ("atoms 7", 7)


def test_conceptmix(written):
    hills, sheep = question_list(written("300_sentences_k=3.json", CONCEPTMIX)).entries
    there = "Does the image contain hills?"
    assert _by_text(hills) == {
        there: ("exists", ()),
        "Does the image contain exactly two hills?": ("count", (there,)),
        "Are the hills tiny in size?": ("size", (there,)),
        "Is the cave positioned within the boundaries of a hill?": ("relation", (there,)),
    }
    assert (hills.tag, sheep.tag) == ("k=3", "k=1")
    assert _by_text(sheep)["Is the style of the image impressionism?"] == ("other", ())


def test_dpg_bench(written):
    kite, boats = question_list(written("dpg_bench.csv", DPG)).entries
    assert (kite.text, boats.text) == ("A red kite, high above.", "Three boats")
    assert _by_text(kite) == {
        "Is there a kite?": ("exists", ()),
        "Is the kite red?": ("attribute", ("Is there a kite?",)),
        "Is the kite high up?": ("relation", ("Is there a kite?", "Is the kite red?")),
    }
    assert _by_text(boats)["Are there three boats?"] == ("count", ("Are there boats?",))


def test_t2i_compbench_has_requests_alone(written):
    found = question_list(written("color_val.txt", "\ufeffa red book and a blue cup\n\na green bench \n"))
    assert found.texts == ["a red book and a blue cup", "a green bench"]
    assert [(entry.tag, entry.questions) for entry in found.entries] == [("color", ())] * 2


def test_a_list_gives_a_scorer_its_questions(written):
    found = question_list(written("g.jsonl", GENEVAL))
    pairs = [(Query.of(text), Picture(b"p", Recipe(Prompt("p"), 0), "t")) for text in found.texts]
    scores = QuestionScorer(VisionFromFunction(lambda *_: 0.9), found.questions).score(pairs)
    assert all(isinstance(score, Score) and score.value == pytest.approx(0.8) for score in scores)
    assert found.questions(Query.of("something else")) == ()


BAD = [
    ("geneval", [GENEVAL[0], {"prompt": "x", "include": []}], "line 2: 'include' names no object"),
    ("geneval", '{"prompt": "a"', "line 1 is no JSON"),
    ("geneval", [GENEVAL[0], GENEVAL[1], 7], "line 3: an object was expected"),
    ("geneval", [{"prompt": 4, "include": [{"class": "x"}]}], "line 1: 'prompt' must be a text, got 4"),
    ("geneval", [{"prompt": "x", "include": [{"class": "x", "count": -1}]}], "'count' must be a number from 1"),
    ("geneval", [{"prompt": "x", "include": [{"class": "x", "count": True}]}], "'count' must be a number from 1"),
    ("geneval", [{"prompt": "x", "include": [{"class": "x", "position": ["left of", 9]}]}], "'position' must be"),
    ("geneval", [{"prompt": "x" * 2001, "include": [{"class": "x"}]}], "has 2001"),
    ("geneval", "[" * 100_000, "line 1 is no JSON"),
    ("geneval", "\n \n", "holds no request"),
    ("geneval2", [{**GENEVAL2[0], "skills": ["count"]}], "line 1: 'vqa_list' has 7 questions and 'skills' 1"),
    ("geneval2", [{**GENEVAL2[0], "vqa_list": [["a?"]], "skills": ["count"]}], "pairs of question and answer"),
    ("geneval2", [{**GENEVAL2[0], "vqa_list": [["Is it?", "No"]], "skills": ["object"]}], "neither yes nor a number"),
    ("conceptmix", "{}", "line 1: a JSON list was expected"),
    ("conceptmix", [CONCEPTMIX[0], {**CONCEPTMIX[1], "question": [3]}], "line 27: texts were expected, got 3"),
    ("conceptmix", '[\n{"sentence": "x",\n', "line 2 holds no JSON item"),
    ("conceptmix", [{"objects": [], "index": 1}], "refined_config"),
    ("conceptmix", [{**CONCEPTMIX[1], "question": ["", " "]}], "holds no question"),
    ("dpg-bench", "a,b\n1,2\n", "line 1 lacks the columns item_id, text"),
    ("dpg-bench", HEADER + '1,t,,1,0,entity,whole,x,"Is it\n', "is no CSV"),
    ("dpg-bench", HEADER + "1,t,,one,0,entity,whole,x,Is it?\n", "line 2: 'one' is no number of a question"),
    ("dpg-bench", HEADER + "1,t,,1,4,entity,whole,x,Is it?\n", "line 2: the question depends on 4"),
    ("dpg-bench", HEADER + "1,t,,1,0,e,w,x,A?\n1,t,,1,0,e,w,x,B?\n", "line 3: proposition_id 1 stands twice"),
    ("dpg-bench", HEADER + "1,t,,1,2,e,w,x,A?\n1,t,,2,1,e,w,x,B?\n", "in a circle"),
    ("dpg-bench", HEADER + "1,t,,1,0\n", "line 2: 'question_natural_language' must be a text"),
    ("t2i-compbench", "x" * 3000, "line 1: 'request' must have 1 to 2000 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "content", "message"), BAD, ids=range(len(BAD)))
def test_a_damaged_file_is_refused_with_its_line(written, form, content, message):
    suffix = {"conceptmix": "json", "dpg-bench": "csv", "t2i-compbench": "txt"}.get(form, "jsonl")
    path = written(f"list.{suffix}", content)
    with pytest.raises(QueryError) as caught:
        question_list(path, form)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_format_and_a_missing_file(written, tmp_path):
    with pytest.raises(QueryError, match="known are geneval, geneval2"):
        question_list(written("x.txt", "a"), "drawbench")
    with pytest.raises(QueryError, match="cannot be read"):
        question_list(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xe9\xe8")
    with pytest.raises(QueryError, match="UTF-8"):
        question_list(tmp_path / "latin.csv")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["prompt", "include", "exclude", "class", "count", "position", "vqa_list", "skills", "sentence"]
            )
            | st.sampled_from(["question", "categories", "color", "tag"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["geneval", "geneval2", "conceptmix"]), st.lists(_json, min_size=1, max_size=3))
def test_whatever_stands_in_a_file_it_is_read_or_refused(written, form, rows):
    path = written("fuzz.json" if form == "conceptmix" else "fuzz.jsonl", rows)
    try:
        found = question_list(path, form)
    except QueryError:
        return
    assert all(isinstance(question, Question) for entry in found.entries for question in entry.questions)
    assert set(FORMATS) > {found.form}
