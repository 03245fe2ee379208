"""A process that asks many chat turns at once through a ledger; tests kill it.

Arguments: ledger folder, log file, number of turns. The log has a line "sent N" as each turn is sent, which takes up to
50 ms, and "used N" once its reply has come back through the ledger.
"""

import asyncio
import random
import sys
from pathlib import Path

from limner.ledger import Ledger, position, recorded
from limner.testing import ChatFromCallable
from limner.types import Message, Terms, Turn, Usage

FREE = {f"price_per_{what}": 0.0 for what in ("call", "input_token", "output_token")}
folder, log, count = sys.argv[1:]


def note(what: str, number: str) -> None:
    with Path(log).open("a") as file:
        file.write(f"{what} {number}\n")


async def reply(messages, schema):
    number = messages[-1].content
    note("sent", number)
    await asyncio.sleep(random.uniform(0, 0.05))
    return Turn(f"reply {number}", usage=Usage(10, 5))


async def asked(chat, number: str) -> None:
    with position("writer", number):
        turn = await chat.turn([Message("user", number)])
    note("used", turn.text.removeprefix("reply "))


async def main() -> None:
    terms = Terms(local=False, sampling=True, max_output_tokens=5, **FREE)
    with Ledger.open(Path(folder)) as ledger:
        chat = recorded(ChatFromCallable(reply, terms=terms), ledger)
        print("begun", flush=True)
        await asyncio.gather(*(asked(chat, str(number)) for number in range(int(count))))
    print("done", flush=True)


asyncio.run(main())
