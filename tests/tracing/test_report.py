from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from limner.errors import MissingBlob, StorageError
from limner.results import EvolveResult
from limner.tracing.report import summary_html, write_report
from limner.types import Interval, Picture, Spend

Make = Callable[..., EvolveResult]
Pictures = dict[str, Picture]
HOSTILE = """<script>alert('x')</script>"><img src=x onerror="alert(1)">&amp; {{ 7 * 7 }}"""
VOID = {"meta", "img", "br", "input", "hr", "link"}
LOADS = {"src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction", "background"}


class Page(HTMLParser):
    """A parsed page: its tags, loads, scripts and the text that a reader sees; complains of tags left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in LOADS]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.images += [value or "" for name, value in attrs if tag == "img" and name == "src"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.text += data


def page(result: EvolveResult, pictures: Pictures, budget: int = 3_000_000) -> Page:
    return Page(write_report(result, pictures.__getitem__, budget=budget).read_text(encoding="utf-8"))


def test_every_instruction_request_and_prompt_is_shown(make: Make, pictures: Pictures) -> None:
    result = make()
    text = page(result, pictures).text
    assert result.report.exists()
    for candidate in result.candidates:
        assert candidate.instruction.text in text
        assert candidate.instruction.reason in text
    for example in result.examples:
        assert example.query.text in text
    for said in (*result.models.values(), *result.failures, *result.notes, "limner evolve --resume"):
        assert said in text


def test_hostile_text_is_shown_as_text_and_does_nothing(make: Make, pictures: Pictures) -> None:
    result = make(HOSTILE)
    shown = page(result, pictures)
    tame = page(make(), pictures)
    assert shown.tags.count("script") == tame.tags.count("script") == 1
    assert shown.handlers == []
    assert all(source.startswith("data:image/") for source in shown.images)
    assert result.examples[0].query.text in shown.text
    assert result.instruction.text in shown.text
    assert f"session {HOSTILE}" in shown.text


def test_the_page_loads_nothing_from_outside(make: Make, pictures: Pictures) -> None:
    html = write_report(make(), pictures.__getitem__).read_text(encoding="utf-8")
    shown = Page(html)
    assert all(load.startswith(("data:image/", "#")) for load in shown.loads), shown.loads
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp", re.sub(r"data:image/[^\"]+", "", html))
    assert "default-src 'none'" in html
    assert "link" not in shown.tags


def test_pictures_stay_within_the_budget_and_those_left_out_are_counted(make: Make, pictures: Pictures) -> None:
    everything = page(make(queries=6), pictures)
    budget = 6 * max(len(source) for source in everything.images)
    shown = page(make(queries=6), pictures, budget)
    embedded = set(shown.images)
    assert 0 < sum(map(len, embedded)) <= budget
    assert f"{6 * 4 - len(embedded)} pictures are left out" in shown.text
    assert "left out" not in everything.text


@pytest.mark.parametrize(("size", "kind"), [((48, 48), "png"), ((640, 512), "webp")])
def test_small_pictures_keep_their_pixels_and_large_ones_are_scaled_down(
    make: Make, pictures: Pictures, size: tuple[int, int], kind: str
) -> None:
    html = write_report(make(size=size), pictures.__getitem__).read_text(encoding="utf-8")
    assert all(source.startswith(f"data:image/{kind};") for source in Page(html).images)
    assert ('class="crisp"' in html) == (kind == "png")


def test_a_picture_that_is_gone_is_said_in_its_place(make: Make) -> None:
    def gone(sha256: str) -> Picture:
        raise MissingBlob(f"{sha256} is gone")

    result = make()
    text = Page(write_report(result, gone).read_text(encoding="utf-8")).text
    assert "is gone" in text
    assert "12 could not be read" in text


def test_a_run_that_measured_nothing_is_shown_with_its_reason(make: Make, pictures: Pictures) -> None:
    start = make().lineage[0]
    empty = make(
        stop_reason="budget: pictures",
        instruction=start,
        lineage=(start,),
        candidates=(),
        rounds=(),
        columns=(),
        differences={},
        significant=False,
        examples=(),
        spend=Spend(),
        spend_by_role={},
        notes=(),
        failures={},
        models={},
    )
    text = page(empty, pictures).text
    assert "nothing beat the start." in text
    assert "The budget of pictures was spent." in text
    assert "The held-out table was not drawn." in text
    assert "nothing beat the start." in Page(summary_html(empty)).text


def test_figures_that_could_not_be_had_are_dashes_never_0(make: Make, pictures: Pictures) -> None:
    full = make()
    result = make(
        columns=tuple(replace(one, reward=None, taste=None, questions=None) for one in full.columns),
        candidates=tuple(replace(one, reward=None, validation=None, pulls=0) for one in full.candidates),
        examples=tuple(
            replace(
                one,
                shots={
                    name: replace(shot, picture=None, reward=None, taste=None, questions=None)
                    for name, shot in one.shots.items()
                },
            )
            for one in full.examples
        ),
        differences={},
        significant=False,
        spend=Spend(seconds=9),
        spend_by_role={},
    )
    text = page(result, pictures).text
    assert "not scored" in text
    assert "taste – · questions –" in text
    assert "0.000" not in text
    assert "not measured" in text


@pytest.mark.parametrize(
    ("gain", "significant", "headline"),
    [
        (Interval(0.2, 0.1, 0.3), True, "draws better pictures"),
        (Interval(0.1, -0.1, 0.3), False, "No significant improvement"),
        (Interval(-0.2, -0.3, -0.1), False, "does worse"),
        (Interval(0.2, None, None), False, "Too little was measured"),
    ],
)
def test_the_headline_claims_what_the_interval_bears_out(
    make: Make, pictures: Pictures, gain: Interval, significant: bool, headline: str
) -> None:
    result = make(differences={"evolved_minus_start": gain}, significant=significant)
    shown = page(result, pictures).text
    assert headline in shown
    assert headline in summary_html(result)
    assert ("draws better pictures" in shown) == significant


def test_reward_hacking_is_the_headline_and_the_acceptance_judge_has_its_column(make: Make, pictures: Pictures) -> None:
    gain, loss = Interval(0.2, 0.1, 0.3), Interval(-0.35, -0.5, -0.2)
    columns = tuple(replace(column, acceptance=Interval(0.6, 0.4, 0.8)) for column in make().columns)
    result = make(
        differences={"evolved_minus_start": gain},
        significant=True,
        acceptance={"evolved_minus_start": loss},
        reward_hacking=True,
        columns=columns,
        models={"generator": "hash", "acceptance": "oracle"},
        validation_gain=Interval(0.4, 0.1, 0.7),
    )
    shown = page(result, pictures).text
    assert "Reward hacking" in shown
    assert "draws better pictures" not in shown
    assert "−0.500 to −0.200" in shown
    assert "by the acceptance judge, which never steered" in shown
    assert "evolved minus start was +0.400, flattered by that choice" in shown
    assert "Reward hacking" in summary_html(result)
    assert "acceptance judge" not in page(make(), pictures).text


def test_the_page_says_how_sure_the_choice_is(make: Make, pictures: Pictures) -> None:
    said = "by more than a tenth of one picture’s noise with a probability of 72 %"
    assert said in page(make(p_within_epsilon=0.7163), pictures).text
    assert "a tenth of one picture" not in page(make(), pictures).text


def test_the_summary_of_a_notebook_is_safe_and_says_where_the_report_is(make: Make) -> None:
    result = make(HOSTILE)
    shown = Page(summary_html(result))
    assert "script" not in shown.tags
    assert shown.handlers == []
    assert str(result.report) in shown.text
    assert result._repr_html_() == summary_html(result)


def test_words_that_no_encoding_takes_do_not_stop_the_report(make: Make, pictures: Pictures) -> None:
    assert write_report(make("\x00 \u202e", notes=("\ud800",)), pictures.__getitem__).exists()


def test_a_folder_that_is_gone_is_said(make: Make, pictures: Pictures, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"report\.html cannot be written"):
        write_report(make(folder=tmp_path / "nowhere"), pictures.__getitem__)
