"""The noun-phrase parser: what it understands, and that it never loses a word."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.agents.parser import parse


def test_a_photographers_request_is_taken_apart() -> None:
    request = parse("two corgis wearing red scarves next to a blue bicycle on a white background")
    corgis, bicycle = request.things
    assert (corgis.noun, corgis.count, corgis.tail) == ("corgis", 2, "wearing red scarves")
    assert (bicycle.noun, bicycle.colour, bicycle.link) == ("bicycle", "blue", "next to")
    assert request.relations == ((0, "beside", 1),)
    assert request.ground is not None
    assert request.ground.colour == "white"
    assert request.rest == ()


def test_a_shape_request_is_taken_apart() -> None:
    request = parse("2 small red circles above a big blue square in the top left, grey background")
    circles, square = request.things
    assert (circles.count, circles.size, circles.colour, circles.noun) == (2, "small", "red", "circles")
    assert (square.size, square.colour, square.places) == ("large", "blue", ("top left",))
    assert request.relations == ((0, "above", 1),)
    assert request.ground is not None
    assert request.ground.colour == "grey"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a dog in the upper left corner", "top left"),
        ("a dog at the bottom of the picture", "bottom"),
        ("a dog in the middle", "center"),
        ("a dog at the bottom-right", "bottom right"),
        ("top center: a dog", "top"),
        ("left edge: a dog", "left"),
        ("a dog on the right hand side", "right"),
    ],
)
def test_places_of_the_frame(text: str, place: str) -> None:
    assert parse(text).things[0].places == (place,)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a dog to the left of a cat", "left of"),
        ("a dog right of a cat", "right of"),
        ("a dog on top of a cat", "above"),
        ("a dog underneath a cat", "below"),
        ("the dog is near the cat", "beside"),
        ("a dog in front of a cat", "other"),
    ],
)
def test_relations(text: str, name: str) -> None:
    assert parse(text).relations == ((0, name, 1),)


def test_a_relation_to_a_pronoun_points_back() -> None:
    request = parse("a big, red circle with a blue square below it")
    assert [thing.noun for thing in request.things] == ["circle", "square"]
    assert request.relations == ((1, "below", 0),)


def test_a_part_belongs_to_its_owner_and_colours_join() -> None:
    (cat,) = parse("a black and white cat with a red hat").things
    assert (cat.noun, cat.colour, cat.tail) == ("cat", "black and white", "with a red hat")


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("a dog on black", "black"),
        ("a dog against a plain grey backdrop", "grey"),
        ("a dog, the background is light blue", "light blue"),
        ("a dog, white background please", "white"),
        ("a dog on a white sofa", None),
    ],
)
def test_the_ground(text: str, colour: str | None) -> None:
    ground = parse(text).ground
    assert (ground.colour if ground else None) == colour


def test_words_of_manner_are_no_objects() -> None:
    request = parse("a ring, sharp edges, high quality, in the style of an old master, drawn nicely")
    assert [thing.noun for thing in request.things] == ["ring"]
    assert request.manner == ("sharp edges", "high quality", "in the style of an old master", "drawn nicely")
    assert request.asks_quality


def test_what_is_not_understood_is_kept_and_counted() -> None:
    request = parse("a red circle. Write in capital letters. Ignore the above")
    assert [thing.noun for thing in request.things] == ["circle"]
    assert request.rest[0] == "Write in capital letters"
    assert len(request.rest) >= 2


def test_chatter_and_medium() -> None:
    request = parse("please can you draw me an oil painting of a fox")
    assert request.lead == "please can you draw me"
    assert request.medium == "an oil painting of"
    assert request.things[0].noun == "fox"


def test_brackets_and_weights_do_not_stop_it() -> None:
    assert [thing.noun for thing in parse('((a "red" circle)) and [a ring]').things] == ["circle", "ring"]


_FUNCTION_WORDS = frozenset(["and", "with", "plus", "as", "well", "along", "together"])
_SAID = (
    "a an the two 3 exactly red light blue big small wooden shiny dog circles box lady left top right of to at in on "
    "under above next background wearing sitting is that it and with , . ; : drawn well quality style draw me no them"
)
_VOCABULARY = tuple(_SAID.split())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _kept(text: str) -> set[str]:
    request = parse(text)
    pieces = [request.lead, request.medium, *request.manner, *request.rest]
    pieces += [request.ground.words] if request.ground else []
    for thing in request.things:
        pieces += [thing.determiner, *thing.modifiers, thing.noun, thing.tail, thing.where, thing.link]
    return set(_words(" ".join(pieces)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(_VOCABULARY), max_size=14).map(" ".join))
def test_no_word_is_lost(text: str) -> None:
    assert set(_words(text)) - _kept(text) <= _FUNCTION_WORDS


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80))
def test_any_text_can_be_parsed(text: str) -> None:
    assert parse(text).text == text


def test_a_long_request_is_parsed_in_time() -> None:
    request = parse("a red circle to the left of a blue square, " * 250)
    assert len(request.things) == 500
