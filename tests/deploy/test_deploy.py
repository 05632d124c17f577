"""What is decided before a board is touched: which drivers and packages a configuration needs."""

import pytest

from host_tools.deploy import drivers_of, packages_of


def test_a_configuration_names_its_drivers() -> None:
    assert drivers_of({"sensors": [{"driver": "dht22"}, {"driver": "health"}, {"driver": "dht22"}]}) == {"dht22", "health"}


@pytest.mark.parametrize("config", [{}, {"sensors": None}, {"sensors": ["health", {}]}])
def test_a_configuration_that_is_wrong_names_none(config: dict[str, object]) -> None:
    assert drivers_of(config) == set()


def test_a_board_that_makes_its_plot_needs_requests() -> None:
    assert packages_of({"plot": {"filename": "greenhouse"}}) == {"requests"}
    assert packages_of({}) == set()
