"""Asks a person at the terminal for a configuration, with defaults that are good enough to press Enter to."""

from collections.abc import Callable, Iterable
from typing import Any

import click
from plotpost import sensors, units, url

from host_tools.boards import Board
from host_tools.config import Json
from host_tools.device import Device
from host_tools.endpoint import machine
from host_tools.endpoint.store import FIRST_USER
from host_tools.pins import PIN_OPTIONS, USES, free, problems
from host_tools.provision import nearby

_EVERY = {"health": "60s"}
_USUAL_EVERY = "5s"
_HEALTH = ("uptime_s", "free_heap_b", "rssi_dbm")
_MANY = 3  # channels of a driver, from which on it is asked which of them
_SHOWN = 8  # networks


class Questions:
    """A `Person` of complete.py. `device`: the board, which looks for WiFi networks."""

    def __init__(self, device: Device | None = None) -> None:
        self.device = device

    def config(self, board: Board, device_id: str, known: Json) -> Json:
        config: Json = {key: value for key, value in known.items() if key != "wifi"}
        config |= {"version": 1, "board": board.name}
        config["name"] = click.prompt("Name of the board", known.get("name") or f"{board.name}-{device_id[-4:]}")
        if board.wifi:
            config["wifi"] = self._wifi(known.get("wifi", []))
        config["endpoint"] = self._endpoint(board, known.get("endpoint"))
        config["sensors"] = _sensors(board, known)
        if board.led is not None and "led" not in known and not list(problems({**config, "led": board.led}, board)):
            config["led"] = board.led
        return config

    def password(self, network: str, kept: bool) -> str | None:
        hint = "Enter keeps the one that it has" if kept else "Enter for an open network"
        given: str = click.prompt(f"Password of {network} ({hint})", "", hide_input=True, show_default=False)
        return None if kept and not given else given

    def account(self, endpoint: str) -> tuple[str, str]:
        click.echo(f"A plot and its tokens are made at {endpoint}, with the API key that `plotpost serve` printed there.")
        user: str = click.prompt("User", FIRST_USER)
        return user, click.prompt("API key", hide_input=True)

    def _wifi(self, known: list[str]) -> list[str]:
        seen = [name for name in dict.fromkeys(nearby.networks(self.device) if self.device else ()) if name]
        if seen:
            click.echo(f"WiFi networks in sight: {', '.join(seen[:_SHOWN])}")
        default = [*known, *seen][:1]
        chosen = [click.prompt("WiFi network", default[0] if default else None)]
        rest = [name for name in known if name not in chosen]
        while name := click.prompt("Another one, to try next", rest.pop(0) if rest else "", show_default=bool(rest)):
            chosen.append(name)
        return list(dict.fromkeys(chosen))

    def _endpoint(self, board: Board, known: str | None) -> str:
        seen = nearby.proposals(board.wifi)
        if seen:
            click.echo(f"Endpoints that answer: {', '.join(seen)}")
        elif known is None:
            click.echo("No endpoint answers yet: start one with `plotpost serve" + (" --host 0.0.0.0`" if board.wifi else "`"))
        here = f"http://{(machine.lan_address() if board.wifi else None) or '127.0.0.1'}:{nearby.DEFAULT_PORT}"
        answer: str = click.prompt("Endpoint", known or next(iter(seen), here), value_proc=_checked(url.parse))
        return answer


def _sensors(board: Board, known: Json) -> list[Json]:
    entries: list[Json] = known.get("sensors", [])
    if entries:
        told = ", ".join(f"{each['driver']} on {each['pin']}" if "pin" in each else str(each["driver"]) for each in entries)
        if click.confirm(f"Keep its sensors ({told})?", True):
            return entries
    click.echo(f"Sensors that plotpost can read on a {board.product}: {', '.join(board.drivers)}")
    chosen: list[Json] = []
    while driver := _driver(board, chosen):
        chosen.append(_sensor(board, driver, chosen))
    return _with_streams(chosen)


def _driver(board: Board, chosen: list[Json]) -> str:
    """One more, or "" for the end."""
    usual = next((name for name in board.drivers if name not in USES), board.drivers[0])

    def check(text: str) -> str:
        if text and text not in board.drivers:
            raise ValueError(f"it must be one of {', '.join(board.drivers)}")
        return text

    prompt = "Another sensor (Enter for no more)" if chosen else "Sensor"
    answer: str = click.prompt(prompt, "" if chosen else usual, show_default=not chosen, value_proc=_checked(check))
    return answer.strip()


def _sensor(board: Board, driver: str, others: list[Json]) -> Json:
    kind = sensors.driver(driver)
    entry: Json = {"driver": driver}
    for option in PIN_OPTIONS:
        if option in kind.OPTIONS:
            entry[option] = _pin(board, entry, option, others)
    least = kind.MIN_EVERY_MS

    def check(text: str) -> None:
        if units.milliseconds(text) < least:
            raise ValueError(f"{driver} can be read every {least} ms at most")

    entry["every"] = click.prompt(f"Read {driver} every", _EVERY.get(driver, _USUAL_EVERY), value_proc=_checked(check))
    entry["channels"] = _channels(driver, [name for name, _, _ in kind.CHANNELS])
    return entry


def _pin(board: Board, entry: Json, option: str, others: list[Json]) -> str:
    def check(text: str) -> None:
        config = {**radio, "sensors": [*others, {**entry, option: text}]}
        wrong = [line for line in problems(config, board) if line.startswith(last)]
        if wrong:
            raise ValueError(wrong[0].removeprefix(f"{last}.{option}: "))

    last = f"sensors[{len(others)}]"
    radio: Json = {"wifi": []} if board.wifi else {}  # it is asked for a network wherever it has one
    spare = free(board, USES[entry["driver"]], [each[option] for each in others if option in each], board.wifi)
    answer: str = click.prompt(f"Pin of {entry['driver']}", spare[0] if spare else None, value_proc=_checked(check))
    return answer


def _channels(driver: str, known: list[str]) -> Json:
    wanted = known
    if len(known) > _MANY:
        click.echo(f"{driver} tells {', '.join(known)}")
        usual = ", ".join(name for name in known if name in _HEALTH) or ", ".join(known)
        wanted = _names(click.prompt("Which of them", usual, value_proc=_checked(lambda text: _among(known, text))))
    return {name: {} for name in wanted}


def _among(known: Iterable[str], text: str) -> None:
    names = _names(text)
    if unknown := [name for name in names if name not in set(known)]:
        raise ValueError(f"{unknown[0]!r} is none of them")
    if not names:
        raise ValueError("name at least one")


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").split()))


def _with_streams(entries: list[Json]) -> list[Json]:
    """Each channel streams under its own name, or with a number where two have the same."""
    used: dict[str, int] = {}
    for entry in entries:
        for channel in entry["channels"]:
            used[channel] = used.get(channel, 0) + 1
            entry["channels"][channel] = {"stream": channel if used[channel] == 1 else f"{channel}{used[channel]}"}
    return entries


def _checked(check: Callable[[str], Any]) -> Callable[[str], str]:
    """For click.prompt, which asks again after a UsageError."""

    def process(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return text

    return process
