"""What this machine says of itself is true."""

import socket

import pytest

from host_tools.endpoint import machine


def test_the_address_for_other_machines_is_one_of_this_machine_or_none() -> None:
    address = machine.lan_address()
    assert address is None or machine.has_address(address)


def test_its_own_addresses_are_told_from_others() -> None:
    assert machine.has_address("127.0.0.1")
    assert not machine.has_address("198.51.100.7")


@pytest.mark.parametrize(
    ("hostname", "label"),
    [
        ("greenhouse", "greenhouse"),
        ("greenhouse.lan", "greenhouse"),
        ("Anns-Mac.local", "Anns-Mac"),
        ("localhost", "plotpost"),
        ("localhost.localdomain", "plotpost"),
        ("my_pi", "plotpost"),
        ("", "plotpost"),
        ("-x", "plotpost"),
        ("x" * 64, "plotpost"),
    ],
)
def test_a_name_that_boards_cannot_look_up_is_not_used(monkeypatch: pytest.MonkeyPatch, hostname: str, label: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    assert machine.label() == label
