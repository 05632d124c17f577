import subprocess
import sys

import pytest

from tests.fuzz import __main__ as fuzz


def test_every_target_is_tried_and_named() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "0.1", "--seed", "5"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("body", "line", "viewers", "session"):
        assert f"test_a_{name}" in ran.stdout or f"test_{name}" in ran.stdout


def test_a_case_that_fails_ends_the_search() -> None:
    cases: list[bytes] = []

    def fails_at_last(case: bytes) -> None:
        cases.append(case)
        assert len(cases) < 5

    with pytest.raises(AssertionError):
        fuzz._by_chance(fails_at_last, 60, 7)
    assert len(cases) == 5


def test_the_same_seed_makes_the_same_cases() -> None:
    def first(seed: int) -> bytes:
        cases: list[bytes] = []

        def keep(case: bytes) -> None:
            cases.append(case)
            raise InterruptedError

        with pytest.raises(InterruptedError):
            fuzz._by_chance(keep, 60, seed)
        return cases[0]

    assert first(1) == first(1) != first(2)
