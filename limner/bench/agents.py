"""`limner bench agents`: how long evolve waits for language models, over the chain of turns that it cannot do without.

A server in a process of its own answers each turn after 0.3 s, as every role by the directive family's rules; drawing
and scoring are instant. A round must ask a writer, then the critic, then a modifier, so ten rounds last 9 s at least.
Beside it stand the run's own processor time, and the wall time of as many turns in the same order through the client
alone, without agents, ledger, trace and graph: wall time on a busy machine is the machine's.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from limner.bench.conditions import conditions
from limner.testing import ChatServer, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.testing.role_server import sensible_reply
from limner.types import Failure, Message, Picture, Prompt, Query, Recipe, Terms, short_hash

DELAY = 0.3
CHAIN = ("writer", "critic", "modifier")
"""Turns of a round that must wait for each other."""
ROUNDS, QUERIES, SEED = 10, (1, 4, 16), 0
CHILDREN = 3
"""Instructions that are new in a round, as many as the modifier is asked for."""
CONCURRENCY = 128
"""Turns at once: more than the 80 prompts that 16 queries and five instructions need."""
INSTANT = Terms(batch=512)
"""Drawing and judging cost one batch a round: what is measured is the waiting for language models."""
LIFETIME = 600.0
WORDS = 100
"""Sentences of four words that make a message as long as a writer's."""
MARK = "masterpiece"


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure `over_critical_path`: the worst ratio over 1, 4 and 16 queries a round, and what the turns hold."""
    rounds, several = (2, (1, 4)) if quick else (ROUNDS, QUERIES)
    with tempfile.TemporaryDirectory() as folder:
        _run(1, 1, Path(folder))
        rows = [_run(queries, rounds, Path(folder)) for queries in several]
    return {
        "over_critical_path": max(row["over_critical_path"] for row in rows),
        "over_bare_client": max(row["over_bare_client"] for row in rows),
        "critical_path_seconds": rounds * len(CHAIN) * DELAY,
        "rounds": rounds,
        "rows": rows,
        **conditions(seeds=[SEED], pictures=sum(row["pictures"] for row in rows), quick=quick),
    }


def _run(queries: int, rounds: int, folder: Path) -> dict[str, Any]:
    """One run; its session stays in the folder, since a file system makes files slowly where many were just deleted."""
    from limner.graph.api import evolve
    from limner.graph.deps import QuerySets
    from limner.graph.wiring import embedded_queries

    sets = QuerySets(embedded_queries().search, (), ())  # no final choice, no final table: the rounds alone
    with _server() as (address, told):
        began, worked = time.perf_counter(), time.process_time()
        result = evolve(
            sets,
            agents="openai:sensible",
            base_url=address,
            prices={"sensible": {"input": 0.0, "output": 0.0}},
            concurrency=CONCURRENCY,
            generator=_Instant(),
            taste=ScorerFromFunction(_taste, terms=INSTANT),
            questions=VisionFromFunction(_sees, terms=INSTANT),
            professional=_professional,
            professionals=1,
            rounds=rounds,
            batch=queries,
            seed=SEED,
            out=folder,
        )
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        served = told()
    bare = _bare(queries, rounds)
    return {
        "queries": queries,
        "seconds": seconds,
        "over_critical_path": seconds / (rounds * len(CHAIN) * DELAY),
        "bare_seconds": bare,
        "over_bare_client": seconds / bare,
        "processor_seconds": processor,
        "processor_ms_per_turn": 1000 * processor / served["calls"],
        "stop_reason": result.stop_reason,
        "model_calls": result.spend.model_calls,
        "served_calls": served["calls"],
        "tokens": result.spend.tokens,
        "tokens_per_round": result.spend.tokens / rounds,
        "stable_prefix": served["stable_prefix"],
        "pictures": result.spend.pictures,
        "counted": result.failures,
    }


def _bare(queries: int, rounds: int) -> float:
    """Seconds of the chain's turns through the client alone: children's prompts, the critic, more children."""
    from limner.llm import OpenAIOptions, chat_model

    message = Message("user", "Name a primary colour. " * WORDS)

    async def chain(address: str) -> float:
        chat = chat_model("openai:sensible", OpenAIOptions(base_url=address, concurrency=CONCURRENCY))
        began = time.perf_counter()
        async with chat.connected():
            for _ in range(rounds):
                for turns in (CHILDREN * queries, 1, CHILDREN):
                    await asyncio.gather(*(chat.turn([message]) for _ in range(turns)))
        return time.perf_counter() - began

    with _server() as (address, told):
        seconds = asyncio.run(chain(address))
        told()
    return seconds


class _Instant:
    """Draws at no cost: one small picture, encoded once, whose bytes after its end tell one recipe from another."""

    identity = "instant"
    terms = INSTANT

    def __init__(self) -> None:
        drawn = HashGenerator().generate([Recipe(Prompt(""), 0)])[0]
        assert isinstance(drawn, Picture)
        self._png = drawn.png

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        return [Picture(self._png + short_hash(repr(recipe)).encode(), recipe, self.identity) for recipe in recipes]


def _taste(query: Query, picture: Picture) -> float:
    """Likes professional prompts most, so that the critic always has something to learn from, and longer ones more."""
    prompt = picture.recipe.prompt.text
    return 2.0 * (MARK in prompt) + min(len(prompt), 1000) / 1000


def _sees(picture: Picture, question: object) -> float:
    return 0.5


def _professional(query: Query, count: int) -> Sequence[Prompt]:
    return [Prompt(f"{query.text}, {MARK}")]


@contextmanager
def _server() -> Iterator[tuple[str, Any]]:
    """The address of a server in a process of its own, and a function that ends it and says what it was asked."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    child.start()

    def told() -> dict[str, Any]:
        here.send("end")
        served: dict[str, Any] = here.recv()
        return served

    try:
        yield here.recv(), told
    finally:
        child.terminate()
        child.join()


def _serve(pipe: Connection) -> None:
    with ChatServer(sensible_reply, delay=DELAY, lifetime=LIFETIME) as server:
        pipe.send(server.base_url)
        pipe.recv()
        pipe.send({"calls": server.calls, "stable_prefix": stable_prefix(server.requests)})


def stable_prefix(requests: Sequence[Mapping[str, Any]]) -> float:
    """The share of what is sent that a prefix cache can know: what each prompt begins with as the one before it did.

    Prompts of one role are those whose first message begins alike; the first prompt of a role has nothing before it.
    """
    before: dict[str, str] = defaultdict(str)
    known = sent = 0
    for request in requests:
        text = "\n".join(str(message["content"]) for message in request["messages"])
        role = str(request["messages"][0]["content"])[:80]
        known += _alike(before[role], text)
        sent += len(text)
        before[role] = text
    return known / sent if sent else 0.0


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
