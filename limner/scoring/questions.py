"""Does the picture hold what was asked? Yes/no questions about it, answered by a vision model, as one soft score.

The score is the mean of P(yes) - P(no) over the questions (SILMM, arXiv 2412.05818): counting yes would throw most of
the signal away. A question whose parent was answered no counts as no, whatever the model said to it, as in Davidsonian
Scene Graphs (arXiv 2310.18235): a circle that is not there is not red either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from limner.protocols import VisionModel
from limner.scoring.phrasing import again
from limner.types import Answer, Evidence, Failure, Picture, Query, Question, Score, Terms

YES = 0.5
"""P(yes) from which a question counts as answered yes."""

Questions = Callable[[Query], Sequence[Question]]


class QuestionScorer:
    """Asks a vision model a query's questions about each picture and scores the answers, in [-1, 1].

    `parts`: how many questions were `asked`, how many answers are `yes`, how many were `gated` by a parent; asked twice
    also `disagreement`, the mean distance of P(yes) between the two wordings.
    """

    def __init__(self, vision: VisionModel, questions: Questions, *, twice: bool = False) -> None:
        """Keep the vision model and the function that gives a query's questions.

        `questions` must be deterministic: the same query has the same questions for every picture. `twice` asks each in
        two wordings, which costs two answers; P(yes) is then the mean of those that can be read.
        """
        self._vision, self._questions, self._twice = vision, questions, twice

    @property
    def identity(self) -> str:
        """`questions/` and the vision model's identity; the questions are part of what is asked of that model."""
        return f"questions/{self._vision.identity}{'/twice' if self._twice else ''}"

    @property
    def terms(self) -> Terms:
        """The vision model's terms, but free: its answers are what is paid for."""
        terms = self._vision.terms
        return Terms(local=terms.local, batch=terms.batch, sampling=terms.sampling)

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Score each picture; every question about every picture goes to the vision model in one call, equal ones once.

        A query without questions, and one whose answers are all unreadable, has the value None. Questions whose `needs`
        form a circle or name a question that is not asked make a `Failure`.
        """
        ordered = {query: self._in_order(query) for query in dict.fromkeys(query for query, _ in pairs)}
        orders = [ordered[query] for query, _ in pairs]
        asks: dict[tuple[str, str], tuple[Picture, Question]] = {}
        for (_, picture), questions in zip(pairs, orders, strict=True):
            if not isinstance(questions, Failure):
                asks |= {(picture.sha256, one.text): (picture, one) for one in self._worded(questions)}
        answers = dict(zip(asks, self._vision.answer(list(asks.values())) if asks else [], strict=True))
        return [
            questions
            if isinstance(questions, Failure)
            else _judge(questions, picture.sha256, answers, twice=self._twice)
            for (_, picture), questions in zip(pairs, orders, strict=True)
        ]

    def _worded(self, questions: Sequence[Question]) -> list[Question]:
        """All wordings that are asked."""
        second = [replace(one, text=again(one.text)) for one in questions] if self._twice else []
        return [*questions, *second]

    def _in_order(self, query: Query) -> list[Question] | Failure:
        """The query's questions, each once, parents before children."""
        by_text = {question.text: question for question in self._questions(query)}
        for question in by_text.values():
            for parent in question.needs:
                if parent not in by_text:
                    reason = f"question {question.text!r} needs {parent!r}, which is not asked of query {query.id}"
                    return Failure("ScoringError", f"{reason}; ask it too or take it out of `needs`")
        try:
            order = TopologicalSorter({text: question.needs for text, question in by_text.items()}).static_order()
            return [by_text[text] for text in order]
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            return Failure("ScoringError", f"the questions of query {query.id} need each other in a circle: {circle}")


def _judge(
    questions: Sequence[Question], sha256: str, answers: Mapping[tuple[str, str], Answer], *, twice: bool
) -> Score:
    evidence = tuple(
        Evidence(one, answers[sha256, one.text], answers[sha256, again(one.text)] if twice else None)
        for one in questions
    )
    p_yes: dict[str, float] = {}
    denied: set[str] = set()
    for seen in evidence:
        question, told = seen.question, _told(seen)
        if any(p_yes.get(parent, 1.0) < YES for parent in question.needs):
            denied.add(question.text)
            p_yes[question.text] = 0.0
        elif told:
            p_yes[question.text] = sum(told) / len(told)
    value = sum(2 * p - 1 for p in p_yes.values()) / len(p_yes) if p_yes else None
    parts = {"asked": len(evidence), "yes": sum(p >= YES for p in p_yes.values()), "gated": len(denied)}
    apart = [abs(told[0] - told[1]) for told in map(_told, evidence) if len(told) > 1]
    return Score(
        "questions",
        value,
        parts | ({"disagreement": sum(apart) / len(apart)} if apart else {}),
        evidence,
        unanswered=len(evidence) - len(p_yes),
    )


def _told(seen: Evidence) -> list[float]:
    """The probabilities that can be read; anything outside of [0, 1] is none."""
    said = [one.p_yes for one in (seen.answer, seen.again) if one is not None]
    return [p for p in said if p is not None and 0 <= p <= 1]
