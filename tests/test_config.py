"""config.json and secrets.json on the host: every mistake is named with file, key and what is allowed, and no secret is told."""

import copy
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from plotpost.config import parse

from host_tools import config
from host_tools.boards import AGENT_HEAP_KIB, load, names

Json = dict[str, Any]
Change = Callable[[Json, Json], object]

CONFIG: Json = {
    "version": 1,
    "board": "linux",
    "name": "cellar",
    "endpoint": "http://127.0.0.1:8050",
    "sensors": [
        {"driver": "cpu", "every": "1s", "channels": {"cpu": {"stream": "c1"}}},
        {"driver": "thermal", "every": "5s", "zone": 0, "channels": {"temperature": {"stream": "t1"}}},
    ],
    "spool": {"ram": "8KiB"},
    "checkpoint": {"every": "10s", "records": 200},
    "plot": {"filename": "cellar", "title": "The cellar"},
}
SECRETS: Json = {
    "version": 1,
    "tokens": {"c1": "s3cr3t-one", "t1": "s3cr3t-two"},
    "account": {"user": "me", "api_key": "s3cr3t-key"},
}


def _files(change: Change = lambda config, secrets: None) -> tuple[Json, Json]:
    files = copy.deepcopy((CONFIG, SECRETS))
    change(*files)
    return files


def test_a_right_pair_of_files_has_no_problems_and_the_board_takes_it() -> None:
    assert config.validate(*_files()) == []
    assert parse(*_files()).plot == {"filename": "cellar", "title": "The cellar"}


def test_the_schema_is_one() -> None:
    schema = json.loads(Path(config.__file__).with_name("config.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(CONFIG)


PROBLEMS: list[tuple[Change, str]] = [
    # boards, drivers, keys, channels and options: the name, the known ones, the likely one
    (
        lambda c, s: c.update(board="linus"),
        f"config.json: board: 'linus' is unknown; known here: {', '.join(names())}; did you mean 'linux'?",
    ),
    (
        lambda c, s: c["sensors"][0].update(driver="dht99"),
        "config.json: sensors[0].driver: 'dht99' is unknown; known on linux: cpu, health, load, memory, thermal",
    ),
    (
        lambda c, s: c["sensors"][1].update(driver="termal"),
        "config.json: sensors[1].driver: 'termal' is unknown; known on linux: cpu, health, load, memory, thermal;"
        " did you mean 'thermal'?",
    ),
    (
        lambda c, s: c.update(sensor=[]),
        "config.json: sensor: is unknown; known here: board, checkpoint, endpoint, led, name, plot, sensors, sleep,"
        " spool, version, wifi;"
        " did you mean 'sensors'?",
    ),
    (
        lambda c, s: c["sensors"][1].update(zon="x"),
        "config.json: sensors[1].zon: is unknown; known here: channels, driver, every, zone; did you mean 'zone'?",
    ),
    (
        lambda c, s: c["sensors"][0].update(pin="GP15"),
        "config.json: sensors[0].pin: is unknown; known here: channels, driver, every",
    ),
    (
        lambda c, s: c["sensors"][1]["channels"].update(temprature={"stream": "t2"}) or s["tokens"].update(t2="x"),
        "config.json: sensors[1].channels.temprature: is unknown; known here: temperature; did you mean 'temperature'?",
    ),
    (
        lambda c, s: c["sensors"][0]["channels"]["cpu"].update(steam="c1"),
        "config.json: sensors[0].channels.cpu.steam: is unknown; known here: stream; did you mean 'stream'?",
    ),
    (lambda c, s: c["spool"].update(disk="64KiB"), "config.json: spool.disk: is unknown; known here: flash, ram"),
    (lambda c, s: c["spool"].update(flash="4KiB"), 'config.json: spool.flash: is too little, at least "8KiB"'),
    (
        lambda c, s: c["plot"].update(titel="x"),
        "config.json: plot.titel: is unknown; known here: filename, title; did you mean 'title'?",
    ),
    (
        lambda c, s: s.update(token={}),
        "secrets.json: token: is unknown; known here: account, ca, tokens, version, wifi; did you mean 'tokens'?",
    ),
    (lambda c, s: c.update(wifi=["home"]), "config.json: wifi: linux has no WiFi of its own to join; take this key out"),
    # what is missing
    (lambda c, s: c.pop("name"), "config.json: name: is missing"),
    (lambda c, s: c["sensors"][0].pop("driver"), "config.json: sensors[0].driver: is missing"),
    (lambda c, s: c["sensors"][0].pop("channels"), "config.json: sensors[0].channels: is missing"),
    (lambda c, s: c["sensors"][0]["channels"].clear(), "config.json: sensors[0].channels: must not be empty"),
    (lambda c, s: c["sensors"].clear(), "config.json: sensors: must not be empty"),
    (lambda c, s: s.pop("tokens"), "secrets.json: tokens: is missing"),
    (
        lambda c, s: s.pop("account"),
        'secrets.json: account: is missing; to create the plot it must be {"user": "..", "api_key": ".."}',
    ),
    (
        lambda c, s: s["tokens"].pop("t1"),
        "secrets.json: tokens.t1: is missing; sensors[1].channels.temperature in config.json streams to it",
    ),
    # values of another type or beyond a limit
    (lambda c, s: c.update(version=2), "config.json: version: must be 1"),
    (lambda c, s: c.update(name=""), "config.json: name: must not be empty"),
    (lambda c, s: c.update(name=5), "config.json: name: must be a text in quotes"),
    (lambda c, s: c.update(sensors={}), "config.json: sensors: must be a list in []"),
    (lambda c, s: c["checkpoint"].update(records=0), "config.json: checkpoint.records: must be from 1 to 1000000"),
    (lambda c, s: c["checkpoint"].update(records="200"), "config.json: checkpoint.records: must be a whole number"),
    (
        lambda c, s: c["checkpoint"].update(every="10"),
        'config.json: checkpoint.every: must be a whole number and ms, s, m or h, such as "5s"',
    ),
    (lambda c, s: c["checkpoint"].update(every="200h"), "config.json: checkpoint.every: '200h' is too much, at most \"144h\""),
    (
        lambda c, s: c["sensors"][0].update(every="5 sec"),
        'config.json: sensors[0].every: must be a whole number and ms, s, m or h, such as "5s"',
    ),
    (
        lambda c, s: c["sensors"][0].update(every="20ms"),
        "config.json: sensors[0].every: '20ms' is too often for cpu, at most \"100ms\"",
    ),
    (
        lambda c, s: c["spool"].update(ram="8K"),
        'config.json: spool.ram: must be a whole number and B, KiB or MiB, such as "4KiB"',
    ),
    (
        lambda c, s: c["spool"].update(ram="62KiB"),
        "config.json: spool.ram: '62KiB' is more than linux has beside the agent, 61 KiB",
    ),
    (lambda c, s: c["spool"].update(ram="100B"), 'config.json: spool.ram: is too little, at least "240B"'),
    (
        lambda c, s: c.update(endpoint="127.0.0.1:8050"),
        "config.json: endpoint: must be http://HOST, http://HOST:PORT or http://HOST:PORT/PATH",
    ),
    (
        lambda c, s: c.update(endpoint="http://h:99999"),
        "config.json: endpoint: the port '99999' is not a number from 1 to 65535",
    ),
    (
        lambda c, s: s["tokens"].update(c1='s3cr3t"\r\n'),
        'secrets.json: tokens.c1: must be printable ASCII without spaces, " and \\',
    ),
    # streams and tokens that two would share
    (
        lambda c, s: c["sensors"][1]["channels"]["temperature"].update(stream="c1"),
        "config.json: sensors[1].channels.temperature.stream: sensors[0].channels.cpu streams to 'c1' already;"
        " name another stream",
    ),
    (
        lambda c, s: s["tokens"].update(t1="s3cr3t-one"),
        "secrets.json: tokens.t1: is the same token as tokens.c1; each stream needs its own",
    ),
]


@pytest.mark.parametrize(("change", "line"), PROBLEMS, ids=[line for _, line in PROBLEMS])
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(change: Change, line: str) -> None:
    assert config.validate(*_files(change)) == [line]


@pytest.mark.parametrize("name", names())
def test_the_spool_leaves_the_agent_its_memory(name: str) -> None:
    room = load(name).heap_kib - AGENT_HEAP_KIB
    channels = {"free_heap_b": {"stream": "s"}}
    own = {
        "version": 1,
        "board": name,
        "name": "x",
        "endpoint": "http://h",
        "sensors": [{"driver": "health", "every": "60s", "channels": channels}],
    }
    told = [
        config.validate({**own, "spool": {"ram": f"{kib}KiB"}}, {"version": 1, "tokens": {"s": "a"}}) for kib in (room, room + 1)
    ]
    assert told == [[], [f"config.json: spool.ram: '{room + 1}KiB' is more than {name} has beside the agent, {room} KiB"]]


def test_all_mistakes_are_told_at_once() -> None:
    def change(c: Json, s: Json) -> None:
        c["sensors"][0].update(driver="gpu")
        c["sensors"][1].update(every="1ms", colour="red")
        c["spool"]["ram"] = "1MiB"

    assert [line.split(": ")[1] for line in config.validate(*_files(change))] == [
        "sensors[0].driver",
        "sensors[1].colour",
        "sensors[1].every",
        "spool.ram",
    ]


def test_both_files_are_checked_at_once() -> None:
    def change(c: Json, s: Json) -> None:
        del c["name"], c["endpoint"], s["version"]

    assert config.validate(*_files(change)) == [
        "config.json: name: is missing",
        "config.json: endpoint: is missing",
        "secrets.json: version: is missing",
    ]


@pytest.mark.parametrize("content", [[], 5, None, "x"])
def test_files_that_hold_no_object_are_told(content: Any) -> None:
    assert config.validate(content, content) == ["config.json: must be an object in {}", "secrets.json: must be an object in {}"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES: list[tuple[str | int, ...]] = [
    ("config",),
    *[("config", key) for key in CONFIG],
    *[("config", "sensors", 0, key) for key in ("driver", "every", "channels", "zone", "pin")],
    ("config", "sensors", 0, "channels", "cpu"),
    ("config", "sensors", 0, "channels", "cpu", "stream"),
    ("config", "sensors", 1, "zone"),
    ("config", "spool", "ram"),
    ("config", "checkpoint", "every"),
    ("config", "checkpoint", "records"),
    ("config", "plot", "title"),
    ("secrets",),
    ("secrets", "tokens"),
    ("secrets", "tokens", "c1"),
    ("secrets", "account"),
    ("secrets", "account", "api_key"),
]


@settings(deadline=None)
@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_whatever_stands_in_a_place_is_taken_by_both_sides_or_refused_in_lines(place: tuple[str | int, ...], value: Any) -> None:
    files: Any = dict(zip(("config", "secrets"), _files(), strict=True))
    within = files
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    problems = config.validate(files["config"], files["secrets"])
    assert all(line.startswith(("config.json: ", "secrets.json: ")) for line in problems)
    try:
        assert parse(files["config"], files["secrets"]).sensors
    except config.ConfigError:
        assert problems


@settings(deadline=None)
@given(secret=st.text(min_size=3, max_size=12, alphabet=st.characters(min_codepoint=33)).map("s3cr3t".__add__))
def test_no_message_tells_a_secret(secret: str) -> None:
    for change in (
        lambda c, s: s["tokens"].update(c1=secret, t1=secret),
        lambda c, s: s["tokens"].update(c1=[secret]),
        lambda c, s: s.update(tokens=secret),
        lambda c, s: s.update(account=secret),
        lambda c, s: s["account"].update(api_key=[secret]),
        lambda c, s: s.update(version=secret),
    ):
        assert "s3cr3t" not in "".join(config.validate(*_files(change)))


def _write(folder: Path, config_text: str, secrets_text: str = json.dumps(SECRETS), mode: int = 0o600) -> Path:
    (folder / "config.json").write_text(config_text, encoding="utf-8")
    (folder / "secrets.json").write_text(secrets_text, encoding="utf-8")
    (folder / "secrets.json").chmod(mode)
    return folder / "config.json"


def test_the_secrets_are_read_from_beside_the_config(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert config.load(_write(tmp_path, json.dumps(CONFIG))) == (CONFIG, SECRETS)
    assert caplog.records == []


def test_the_secrets_can_lie_elsewhere(tmp_path: Path) -> None:
    path = _write(tmp_path, json.dumps(CONFIG))
    os.rename(tmp_path / "secrets.json", tmp_path / "private.json")
    assert config.load(path, tmp_path / "private.json") == (CONFIG, SECRETS)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_secrets_that_others_can_read_are_warned_of(mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config.load(_write(tmp_path, json.dumps(CONFIG), mode=mode))
    path = tmp_path / "secrets.json"
    assert caplog.messages == [f"{path}: others on this machine may read it; run: chmod 600 {path}"]


def _refusal(path: Path) -> str:
    with pytest.raises(config.ConfigError) as caught:
        config.load(path)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, json.dumps(CONFIG))
    assert _refusal(tmp_path / "other.json") == f"{tmp_path}/other.json: cannot be read: No such file or directory"
    os.remove(tmp_path / "secrets.json")
    assert _refusal(path) == f"{tmp_path}/secrets.json: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"version": 1\n "board": 2}', "line 2, column 2: Expecting ',' delimiter"),
        ("", "line 1, column 1: Expecting value"),
        ('{"version": 1,}', "line 1, column 15: "),
        ('{"name": {"a": 1, "b": 2, "a": 3}}', "the key 'a' stands twice in the same object"),
        ("[]", "must be an object in {}"),
        ("[" * 100_000, "its brackets are nested too deeply"),
        ('{"version": ' + "1" * 5000 + "}", "Exceeds the limit"),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_that_is_no_json_object_is_told_with_the_place(text: str, told: str, tmp_path: Path) -> None:
    assert _refusal(_write(tmp_path, text)).startswith(f"{tmp_path}/config.json: {told}")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path, "{}")
    path.write_bytes(b'{"name": "\xff"}')
    assert _refusal(path) == f"{path}: is not UTF-8 text"


def test_the_mark_that_some_editors_put_before_a_text_is_passed_over(tmp_path: Path) -> None:
    path = _write(tmp_path, json.dumps(CONFIG))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert config.load(path)[0] == CONFIG


def test_a_broken_secrets_file_does_not_show_its_content(tmp_path: Path) -> None:
    line = _refusal(_write(tmp_path, json.dumps(CONFIG), '{"tokens": {"c1": "s3cr3t" "x"}}'))
    assert line == f"{tmp_path}/secrets.json: line 1, column 28: Expecting ',' delimiter"
