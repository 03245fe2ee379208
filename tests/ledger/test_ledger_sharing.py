import sqlite3
import threading
import time

import pytest

from limner.errors import GenerationError, SessionBusy, SessionError
from limner.ledger import Budget, Ledger, recorded
from limner.ledger.owner import Owner
from limner.testing import HashGenerator
from limner.types import Terms


def test_two_processes_that_ask_for_the_same_pay_once(tmp_path, draw_in_process):
    children = [draw_in_process(8, delay=0.3) for _ in range(2)]
    said = {child.communicate()[0].splitlines()[-1] for child in children}
    assert len(said) == 1
    assert said.pop().startswith("done")
    assert sorted((tmp_path / "log").read_text().split()) == [str(seed) for seed in range(8)]


def test_threads_that_ask_for_the_same_pay_once(tmp_path, recipes):
    model = HashGenerator(delay=0.05)
    results = {}
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)

        def draw(number):
            results[number] = generator.generate(recipes(6))

        threads = [threading.Thread(target=draw, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.spend().pictures == 6
    assert model.log.calls == 1
    assert all(result == results[0] for result in results.values())


def test_askers_of_overlapping_batches_each_get_all_of_theirs(tmp_path, recipes):
    model = HashGenerator(delay=0.02, terms=Terms(batch=3))
    results = {}
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)

        def draw(start):
            results[start] = generator.generate(recipes(12)[start : start + 7])

        threads = [threading.Thread(target=draw, args=(start,)) for start in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.spend().pictures == 12
    for start, pictures in results.items():
        assert [picture.recipe.seed for picture in pictures] == list(range(start, start + 7))


def test_the_second_asker_makes_the_call_when_the_first_fails(tmp_path, recipes):
    begun = threading.Event()

    class FailsOnce(HashGenerator):
        def generate(self, recipes):
            if not begun.is_set():
                begun.set()
                time.sleep(0.1)
                raise GenerationError("out of memory")
            return super().generate(recipes)

    failed = []
    model = FailsOnce()
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)

        def first():
            with pytest.raises(GenerationError) as error:
                generator.generate(recipes(2))
            failed.append(error)

        thread = threading.Thread(target=first)
        thread.start()
        assert begun.wait(10)
        assert len(generator.generate(recipes(2))) == 2
        thread.join()
        assert ledger.spend().pictures == 2
    assert failed


def test_a_process_is_known_from_another_with_its_number(draw_in_process):
    here = Owner.here()
    assert Owner.parse(str(here)) == here
    assert here.alive() is True
    assert Owner(here.host, here.pid, "another start", here.mark).alive() is False
    assert Owner("elsewhere", here.pid, here.started, here.mark).alive() is None
    child = draw_in_process(1)
    child.wait()
    assert Owner(here.host, child.pid, here.started, "").alive() is False


@pytest.mark.parametrize(("seconds", "unknown"), [(60, 0), (-60, 4)])
def test_a_lease_decides_about_an_owner_on_another_host(tmp_path, draw_in_process, seconds, unknown):
    child = draw_in_process(4, delay=30, place="remote")
    assert child.stdout.readline() == "calling\n"
    child.kill()
    child.wait()
    with sqlite3.connect(tmp_path / "s" / "ledger.sqlite") as db:
        db.execute("UPDATE calls SET owner = 'elsewhere|1|then|x', lease_until = ?", (time.time() + seconds,))
    db.close()
    with Ledger.open(tmp_path / "s", Budget(pictures=4)) as ledger:
        assert ledger.spend().unknown_outcome == unknown
        assert ledger.short_of(pictures=1) == "pictures"


def test_a_result_whose_reservation_was_taken_over_is_not_recorded(tmp_path, recipes):
    class TakenOver(HashGenerator):
        def generate(self, recipes):
            with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
                db.execute("DELETE FROM calls WHERE state = 'reserved'")
            db.close()
            return super().generate(recipes)

    with Ledger.open(tmp_path) as ledger:
        with pytest.raises(SessionBusy, match="taken over"):
            recorded(TakenOver(), ledger).generate(recipes(2))
        assert len(recorded(HashGenerator(), ledger).generate(recipes(2))) == 2
        assert ledger.spend().pictures == 2


def test_a_benchmark_refuses_a_ledger_with_records(tmp_path, recipes):
    with Ledger.open(tmp_path, refuse_warm=True) as ledger:
        recorded(HashGenerator(), ledger).generate(recipes(1))
    with pytest.raises(SessionError, match="already holds 1 calls"):
        Ledger.open(tmp_path, refuse_warm=True)
