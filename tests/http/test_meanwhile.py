"""test_meanwhile.py: a hold that lapsed is ended by whoever meets it first.  Who comes
second, between his look at what is taken and his look at what lapsed, finds nothing to
end: what the other freed is free for him too."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from live import V1, at, booking_body, day_in  # noqa: E402
from lossy import BIND, Lossy, on_a_road  # noqa: E402
from shop import Shop  # noqa: E402
from test_changes import path_of  # noqa: E402


class Meanwhile(Lossy):
    """before(name, act): something happens between a statement of the pool and the
    one before it, once."""

    act, went = None, []

    def before(self, name, act):
        self.name, self.act, self.went = name.encode(), act, []

    def is_it(self, data):
        if self.act and data[:1] == BIND and data[5:].split(b"\0", 2)[1] == self.name:
            act, self.act = self.act, None
            act()
            self.went.append(act)
        return False


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("meanwhile"), watch=False)
    with on_a_road(shop, Meanwhile) as road:
        yield shop, road


@pytest.fixture
def shop(both):
    shop, road = both
    yield shop
    assert road.went, "it did not come to that"
    shop.sandbox.lift()
    shop.drain()
    shop.books()


@pytest.fixture
def road(both):
    return both[1]


def comes_and_goes(shop, token, house, day):
    """Somebody else meets the lapsed hold first, and does not stay."""
    shop.cancel(token, shop.book(token, house, day, 9, 10))


def test_late_money_takes_places_that_another_has_just_freed(shop, road):
    house, day, token = shop.franchise(1), day_in(5), shop.token()
    made = shop.book(token, house, day, 9, 10)
    shop.lapse(made)
    other = shop.book(shop.token(), house, day, 9, 10)
    shop.lapse(other)
    road.before("holds_lapsed", lambda: comes_and_goes(shop, shop.token(), house, day))
    # Only one word of it: the other would meet who comes and goes.
    shop.sandbox.webhook_fault("payment_intent.succeeded", "withhold")
    shop.pay(made["payment_url"])
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.refunds(made) == []


def test_late_money_for_a_child_that_another_has_just_let_go(shop, road):
    house, day, token = shop.franchise(2), day_in(5), shop.token()
    made = shop.book(token, house, day, 9, 10)
    shop.lapse(made)
    other = shop.book(token, house, day, 9, 10)  # the same child
    shop.lapse(other)
    road.before("holds_lapsed_of", lambda: comes_and_goes(shop, token, house, day))
    # Only one word of it: the other would meet who comes and goes.
    shop.sandbox.webhook_fault("payment_intent.succeeded", "withhold")
    shop.pay(made["payment_url"])
    assert shop.read(token, made)["status"] == "confirmed"
    assert shop.refunds(made) == []


def test_a_booking_for_a_child_that_another_has_just_let_go(shop, road):
    house, day, token = shop.franchise(2), day_in(5), shop.token()
    made = shop.book(token, house, day, 9, 10)
    shop.lapse(made)
    road.before("holds_lapsed_of", lambda: comes_and_goes(shop, token, house, day))
    again = shop.ask("POST", f"{V1}/bookings", token, booking_body(house, day, 9, 10))
    assert again.status == 201, again


def test_a_change_for_a_child_that_another_has_just_let_go(shop, road):
    house, day, token = shop.franchise(2), day_in(5), shop.token()
    _, mine = shop.paid_booking(house, day, 8, 9, token)
    made = shop.book(token, house, day, 9, 10)
    shop.lapse(made)
    road.before("holds_lapsed_of", lambda: comes_and_goes(shop, token, house, day))
    moved = shop.ask("PUT", path_of(mine), token, {"start_datetime": at(day, 9),
                                                   "end_datetime": at(day, 10)})
    assert moved.status == 200, moved


def test_a_booking_for_places_that_another_has_just_freed(shop, road):
    house, day = shop.franchise(1), day_in(5)
    made = shop.book(shop.token(), house, day, 9, 10)
    shop.lapse(made)
    road.before("holds_lapsed", lambda: comes_and_goes(shop, shop.token(), house, day))
    again = shop.ask("POST", f"{V1}/bookings", shop.token(), booking_body(house, day, 9, 10))
    assert again.status == 201, again
