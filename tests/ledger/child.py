"""A process that draws through a ledger; tests run several of it, and kill some.

Arguments: ledger folder, log file, number of pictures, seconds a batch takes, "local" or "remote", picture budget.
Each call is logged before it begins, each picture's seed on a line of its own.
"""

import sys
import time
from pathlib import Path

from limner.errors import BudgetSpent
from limner.ledger import Budget, Ledger, position, recorded
from limner.testing import HashGenerator
from limner.types import Prompt, Recipe, Terms

folder, log, count, delay, place, limit = sys.argv[1:]


class Logged(HashGenerator):
    def generate(self, recipes):
        with Path(log).open("a") as file:
            file.writelines(f"{recipe.seed}\n" for recipe in recipes)
        print("calling", flush=True)
        time.sleep(float(delay))
        return super().generate(recipes)


recipes = [Recipe(Prompt("a red circle"), seed) for seed in range(int(count))]
generator = Logged(terms=Terms(local=place == "local", batch=4))
with Ledger.open(Path(folder), Budget(pictures=int(limit))) as ledger, position("draw"):
    try:
        pictures = recorded(generator, ledger).generate(recipes)
    except BudgetSpent as error:
        print("spent", error.resource, flush=True)
    else:
        print("done", *(picture.sha256 for picture in pictures), flush=True)
