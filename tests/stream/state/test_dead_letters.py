"""Messages that could not be understood count once the study was corrected."""

from tests.stream.shops import HISTORY, Shop, order

from holdfast.storage.runs import Registry
from holdfast.stream.clock import Clock
from holdfast.stream.state.dead_letters import Retried, retry_dead
from holdfast.stream.worker import one_stepper


def retry(shop: Shop, *, today: int) -> Retried:
    with one_stepper(
        shop.study, Clock("UTC", today), Registry(shop.folder / "runs"), say=print
    ) as stepper:
        return retry_dead(stepper.connection, stepper.judge, last_day=today + 1)


def test_what_is_understood_now_counts_and_the_rest_stays(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "A", "2025-08-01"), order(4, "A", "2025-05-01", amount="ten"), "{"])
    shop.run()
    assert shop.value("SELECT count(*) FROM dead WHERE retried_at IS NULL") == 3
    assert retry(shop, today=20_300) == Retried(understood=1, dead=2)
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY) + 1
    assert shop.value("SELECT dirty FROM customers WHERE customer_id = 'A'")
    outcomes = shop.rows("SELECT outcome, reason, messages::int FROM ledger WHERE messages > 0")
    assert sorted(outcomes) == [
        ("dead", "amount is not a number", 1), ("dead", "not a JSON object", 1),
        ("understood later", "", 1),
    ]  # fmt: skip
    shop.run(today=20_300)
    # 2025-08-01.
    assert shop.value("SELECT max(day) FROM customer_days") == 20_301
