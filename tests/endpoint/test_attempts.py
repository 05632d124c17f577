"""Wrong API keys are counted, for each user and address, in bounded memory."""

import pytest

from host_tools.endpoint.attempts import LIMIT, WINDOW_S, Attempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(attempts: Attempts, times: int, user: str = "demo", address: str = "10.0.0.1") -> None:
    for _ in range(times):
        attempts.failed(user, address)


def test_a_few_wrong_keys_cost_nothing() -> None:
    attempts = Attempts(Clock())
    fail(attempts, LIMIT - 1)

    assert attempts.wait_s("demo", "10.0.0.1") == 0


def test_too_many_wrong_keys_cost_the_rest_of_the_window() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    fail(attempts, LIMIT - 1)
    clock.now += 20
    fail(attempts, 1)

    assert attempts.wait_s("demo", "10.0.0.1") == WINDOW_S - 20
    clock.now += WINDOW_S - 20
    assert attempts.wait_s("demo", "10.0.0.1") == 0


def test_other_users_and_other_addresses_do_not_wait() -> None:
    attempts = Attempts(Clock())
    fail(attempts, LIMIT)

    assert attempts.wait_s("other", "10.0.0.1") == 0
    assert attempts.wait_s("demo", "10.0.0.2") == 0


@pytest.mark.parametrize(
    ("one", "another"), [("2001:db8::1", "2001:db8::ffff:1:2:3"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::2")]
)
def test_addresses_that_one_guesser_has_are_one(one: str, another: str) -> None:
    attempts = Attempts(Clock())
    fail(attempts, LIMIT, address=one)

    assert attempts.wait_s("demo", another) > 0
    assert attempts.wait_s("demo", "2001:db8:0:1::1") == 0


def test_a_right_key_forgives() -> None:
    attempts = Attempts(Clock())
    fail(attempts, LIMIT - 1)
    attempts.succeeded("demo", "10.0.0.1")
    fail(attempts, 1)

    assert attempts.wait_s("demo", "10.0.0.1") == 0


def test_the_least_recent_are_forgotten_when_there_are_too_many() -> None:
    attempts = Attempts(Clock(), most=100)
    fail(attempts, LIMIT, user="first")
    for number in range(99):
        attempts.failed(f"user{number}", "10.0.0.1")
    assert attempts.wait_s("first", "10.0.0.1") > 0

    attempts.failed("one more", "10.0.0.1")

    assert attempts.wait_s("first", "10.0.0.1") == 0
