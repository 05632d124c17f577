"""cli/: what the commands print, take, refuse and keep to themselves."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click import Command, Context, Group, Option

from host_tools.child_endpoint import ChildEndpoint
from host_tools.cli import commands
from host_tools.endpoint.store import FILENAME
from tests import processes
from tests.plotly_client import PlotlyClient

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def plotpost(tmp_path: Path, data: Path) -> Run:
    """Runs a command with a data folder of its own and expects that it works."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        done = processes.run(tmp_path, *arguments, "--data", str(data))
        assert done.returncode == 0, done.stderr
        return done

    return run


def _lines(output: str) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def _all_commands(command: Command = commands, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [path, *(found for name in _names(command) for found in _all_commands(_inner(command, name), (*path, name)))]


def _command(path: tuple[str, ...]) -> Command:
    command: Command = commands
    for name in path:
        command = _inner(command, name)
    return command


def _names(command: Command) -> list[str]:
    return command.list_commands(Context(command)) if isinstance(command, Group) else []


def _inner(command: Command, name: str) -> Command:
    assert isinstance(command, Group)
    found = command.get_command(Context(command), name)
    assert found is not None
    return found


@pytest.mark.parametrize("path", _all_commands(), ids=" ".join)
def test_help_explains_every_command_and_option_with_an_example(path: tuple[str, ...]) -> None:
    command = _command(path)
    text = command.get_help(Context(command, info_name=" ".join(("plotpost", *path))))
    assert all(each.help for each in command.params if isinstance(each, Option))
    assert isinstance(command, Group) or re.search(r"Examples?:\n +plotpost " + " ".join(path), text)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("group", [path for path in _all_commands() if _names(_command(path))], ids=" ".join)
def test_the_list_of_commands_says_whole_sentences(group: tuple[str, ...]) -> None:
    text = _command(group).get_help(Context(_command(group), terminal_width=80))
    assert "..." not in text.partition("Commands:")[2]


def test_a_command_that_does_not_exist_is_wrong_usage(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "token", "nwe")
    assert done.returncode == 2
    assert "No such command 'nwe'" in done.stderr


def test_users_are_made_and_listed_and_get_other_keys(plotpost: Run) -> None:
    (made,) = _lines(plotpost("user", "add", "ann", "--json").stdout)
    assert re.fullmatch(r"[a-z0-9]{10}", made.pop("api_key"))
    assert made == {"user": "ann"}
    (again,) = _lines(plotpost("user", "rotate-key", "ann", "--json").stdout)
    assert again["user"] == "ann"
    plotpost("token", "new", "--user", "ann")
    assert _lines(plotpost("user", "list", "--json").stdout) == [{"user": "ann", "plots": 0, "tokens": 1}]
    listed = plotpost("user", "list").stdout
    assert "ann" in listed
    assert again["api_key"] not in listed


def test_the_api_key_stands_alone_on_standard_output(plotpost: Run) -> None:
    done = plotpost("user", "add", "ann")
    assert re.fullmatch(r"[a-z0-9]{10}\n", done.stdout)
    assert "not shown again" in done.stderr


def test_a_token_is_made_for_the_user_who_is_named(plotpost: Run) -> None:
    for name in ("zoe", "ann"):
        plotpost("user", "add", name)
    owners = [_lines(plotpost("token", "new", "--json", *more).stdout)[0]["user"] for more in ((), ("--user", "ann"))]
    assert owners == ["zoe", "ann"]


def test_users_that_cannot_be_get_one_line(tmp_path: Path, data: Path, plotpost: Run) -> None:
    assert "there is no user 'eve'" in _fails(tmp_path, "token", "new", "--user", "eve", "--data", str(data))
    assert "there is no user 'eve'" in _fails(tmp_path, "user", "rotate-key", "eve", "--data", str(data))
    assert "not a user name: 'a/b'" in _fails(tmp_path, "user", "add", "a/b", "--data", str(data))
    plotpost("user", "add", "ann")
    assert "there is a user 'ann' already" in _fails(tmp_path, "user", "add", "ann", "--data", str(data))


def test_users_keys_and_tokens_work_at_once_while_the_endpoint_runs(plotpost: Run, data: Path, endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    assert data == endpoint.data
    for command in (("user", "add", "ann"), ("user", "rotate-key", "ann")):
        (ann,) = _lines(plotpost(*command, "--json").stdout)
        (made,) = _lines(plotpost("token", "new", "--user", "ann", "--json").stdout)
        answer = client.plot_as(ann["user"], ann["api_key"], [{"y": [], "stream": {"token": made["token"]}}])
        assert answer["error"] == ""


def test_a_new_token_is_printed_once_and_masked_afterwards(plotpost: Run) -> None:
    token = plotpost("token", "new", "--name", "greenhouse").stdout.strip()
    assert re.fullmatch(r"[a-z0-9]{10}", token)
    listed = plotpost("token", "list").stdout
    assert token not in listed
    assert token[:4] in listed
    assert "greenhouse" in listed
    assert token in plotpost("token", "list", "--show").stdout


def test_token_commands_speak_json(plotpost: Run) -> None:
    made = processes.last_json(plotpost("token", "new", "--name", "n", "--json").stdout)
    assert (made["name"], made["user"], len(made["api_key"])) == ("n", "me", 10)
    assert "api_key" not in processes.last_json(plotpost("token", "new", "--json").stdout)
    first, second = _lines(plotpost("token", "list", "--json", "--show").stdout)
    assert made["token"] in (first["token"], second["token"])
    assert (first["plot"], first["revoked"]) == (None, False)


def test_a_token_is_revoked_by_its_first_characters_so_that_no_secret_is_typed(plotpost: Run) -> None:
    token = plotpost("token", "new").stdout.strip()
    plotpost("token", "revoke", token[:4])
    (listed,) = _lines(plotpost("token", "list", "--json").stdout)
    assert listed == {"token": token[:4] + "******", "name": None, "plot": None, "revoked": True}


def test_nothing_is_no_beginning_of_the_only_token(plotpost: Run, tmp_path: Path, data: Path) -> None:
    plotpost("token", "new")
    assert "its first characters" in _fails(tmp_path, "token", "revoke", "", "--data", str(data))
    assert [each["revoked"] for each in _lines(plotpost("token", "list", "--json").stdout)] == [False]


@pytest.mark.parametrize("beginning", ["", "zzzzzzzzzzz"])
def test_a_token_that_is_not_there_or_not_clear_is_not_revoked(plotpost: Run, tmp_path: Path, data: Path, beginning: str) -> None:
    plotpost("token", "new")
    plotpost("token", "new")
    done = processes.run(tmp_path, "token", "revoke", beginning, "--data", str(data))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not any(each["revoked"] for each in _lines(plotpost("token", "list", "--json").stdout))


def test_a_new_plot_has_a_token_for_each_trace(plotpost: Run) -> None:
    made = processes.last_json(plotpost("plot", "new", "greenhouse", "--trace", "t", "--trace", "h", "--json").stdout)
    assert made["path"] == "/~me/1"
    assert list(made["tokens"]) == ["t", "h"]
    assert _lines(plotpost("plot", "list", "--json").stdout) == [
        {"plot": "greenhouse", "path": "/~me/1", "points": 0, "last": None, "sharing": "public"}
    ]
    assert "greenhouse  /~me/1  0" in plotpost("plot", "list").stdout
    assert {each["plot"] for each in _lines(plotpost("token", "list", "--json").stdout)} == {"greenhouse"}


def test_a_plot_of_that_name_is_not_made_twice(plotpost: Run, tmp_path: Path, data: Path) -> None:
    plotpost("plot", "new", "greenhouse")
    done = processes.run(tmp_path, "plot", "new", "greenhouse", "--data", str(data))
    assert done.returncode == 1
    assert done.stderr == "plotpost: there is a plot 'greenhouse' already: choose another name\n"
    assert len(_lines(plotpost("token", "list", "--json").stdout)) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("plot", "new", ""), "a name is more than nothing and spaces"),
        (("plot", "new", "a", "--trace", "  "), "a name is more than nothing and spaces"),
        (("token", "new", "--name", ""), "a name is more than nothing and spaces"),
        (("plot", "new", "rooms//kitchen"), "no empty part between slashes"),
        (("plot", "new", "a\nb"), "no line feed, and no other control character"),
        (("plot", "new", "a" * 301), "1 to 300 characters"),
    ],
)
def test_what_is_no_name_is_refused_and_nothing_is_made(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path, data: Path, plotpost: Run
) -> None:
    done = processes.run(tmp_path, *arguments, "--data", str(data))
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    plotpost("token", "new")
    assert plotpost("plot", "list", "--json").stdout == ""
    assert len(_lines(plotpost("token", "list", "--json").stdout)) == 1


def test_a_new_plot_is_told_with_its_whole_address_while_the_endpoint_runs(
    plotpost: Run, data: Path, endpoint: ChildEndpoint
) -> None:
    done = plotpost("plot", "new", "greenhouse")
    [address] = re.findall(r"http://\S+", done.stdout)
    assert address.startswith(f"{endpoint.url}/~me/")
    assert PlotlyClient(endpoint).get(address.removeprefix(endpoint.url))[0].status == 200
    assert str(data) in done.stdout
    assert "is new" not in done.stderr
    made = processes.last_json(plotpost("plot", "new", "other", "--json").stdout)
    assert (made["url"], made["data"]) == (endpoint.url + made["path"], str(data))
    endpoint.stop()
    done = plotpost("plot", "new", "third")
    assert f"once the endpoint runs: plotpost serve --data {data}" in done.stdout
    assert processes.last_json(plotpost("plot", "new", "fourth", "--json").stdout)["url"] is None


@pytest.mark.parametrize("arguments", [("plot", "new", "a"), ("token", "new"), ("user", "add", "ann")], ids=" ".join)
def test_a_second_data_folder_is_not_made_without_a_word(plotpost: Run, data: Path, arguments: tuple[str, ...]) -> None:
    assert f"The data folder {data} is new" in plotpost(*arguments).stderr
    again = [*arguments[:-1], "bob"] if arguments[0] != "token" else arguments
    assert "is new" not in plotpost(*again).stderr


@pytest.mark.parametrize(
    "arguments",
    [("plot", "list"), ("token", "list"), ("user", "list"), ("token", "revoke", "abcd"), ("user", "rotate-key", "me")],
    ids=" ".join,
)
def test_what_only_looks_makes_no_data_folder(tmp_path: Path, data: Path, arguments: tuple[str, ...]) -> None:
    assert f"no endpoint keeps its data in {data}: choose" in _fails(tmp_path, *arguments, "--data", str(data))
    assert not data.exists()


def test_plots_are_listed_by_what_happened_last(plotpost: Run, endpoint: ChildEndpoint) -> None:
    client = PlotlyClient(endpoint)
    token = client.token()
    client.new_plot({"y": [], "stream": {"token": token}}, filename="fed")
    client.new_plot({"y": []}, filename="saved later")
    client.request("POST", "/", b'{"y":1}\n', {"plotly-streamtoken": token})
    assert [each["plot"] for each in _lines(plotpost("plot", "list", "--json").stdout)] == ["fed", "saved later"]


def test_empty_lists_say_what_to_do(plotpost: Run) -> None:
    plotpost("user", "add", "ann")
    assert "plotpost plot new" in plotpost("plot", "list").stdout
    assert "plotpost token new" in plotpost("token", "list").stdout
    assert plotpost("token", "list", "--json").stdout == ""


def test_the_store_is_for_its_owner_only(plotpost: Run, data: Path) -> None:
    plotpost("token", "new")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data, data / FILENAME)] == [0o700, 0o600]


def test_serve_tells_the_key_on_the_first_start_and_never_again(tmp_path: Path, data: Path) -> None:
    first, second = (_served(tmp_path, "--data", str(data)) for _ in range(2))
    assert re.search(r"API key ([a-z0-9]{10})", first)
    assert "http://127.0.0.1:" in first
    assert str(data) in first
    assert "API key" not in second


def test_serve_tells_the_address_for_other_machines(tmp_path: Path, data: Path) -> None:
    told = json.loads(_served(tmp_path, "--data", str(data), "--host", "0.0.0.0", "--json"))
    assert told["url"].startswith("http://127.0.0.1:")
    assert ("lan_url" in told, "local_url" in told) == (True, True)


def _served(folder: Path, *arguments: str) -> str:
    """What `plotpost serve` prints until it is ready, after an end by Ctrl-C that must be clean."""
    endpoint = processes.start(folder, "serve", "--port", "0", *arguments)
    assert endpoint.stdout is not None
    assert endpoint.stderr is not None
    with endpoint.stdout as out, endpoint.stderr as err:
        first = out.readline()
        endpoint.send_signal(signal.SIGINT)
        rest = out.read()
        assert err.read() == ""
    assert endpoint.wait() == 0
    return first + rest


def _fails(folder: Path, *arguments: str) -> str:
    """The one line that a command which did not work says."""
    done = processes.run(folder, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_port_in_use_gets_one_line(tmp_path: Path, data: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        line = _fails(tmp_path, "serve", "--port", port, "--data", str(data))
    assert line == f"plotpost: port {port} is in use by another program: end that one, or choose another port with --port\n"


def test_a_data_folder_that_cannot_be_made_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command in (("serve", "--port", "0"), ("token", "new"), ("plot", "new", "a")):
        assert f"cannot open {tmp_path / 'file'}" in _fails(tmp_path, *command, "--data", str(tmp_path / "file" / "data"))


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("--tls-port", "8443"), "HTTPS needs --tls-self-signed, or --tls-cert and --tls-key"),
        (("--tls-key", "key.pem"), "HTTPS needs --tls-self-signed, or --tls-cert and --tls-key"),
        (("--tls-self-signed", "--tls-cert", "cert.pem"), "leave --tls-cert and --tls-key away"),
        (("--tls-self-signed", "--tls-port", "8050"), "--port and --tls-port must differ"),
    ],
)
def test_options_of_https_that_do_not_fit_are_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], remedy: str) -> None:
    done = processes.run(tmp_path, "serve", *arguments, "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert remedy in done.stderr
    assert not (tmp_path / "data").exists()


def test_serve_says_how_clients_come_to_trust_it(tmp_path: Path, data: Path) -> None:
    serving = processes.start(tmp_path, "serve", "--port", "0", "--tls-self-signed", "--tls-port", "0", "--data", str(data))
    assert serving.stdout is not None
    said = "".join(serving.stdout.readline() for _ in range(8))
    serving.send_signal(signal.SIGINT)
    serving.communicate()
    assert "https://127.0.0.1:" in said
    for word in (f"{data}/ca.der", '"ca" in secrets.json', f"import {data}/ca.pem", "SHA-256"):
        assert word in said


def test_a_missing_micropython_gets_one_line(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "demo", "--for", "1", PLOTPOST_MICROPYTHON="/nowhere/micropython")
    assert done.returncode == 1
    assert done.stderr.startswith("plotpost: /nowhere/micropython is not a MicroPython that runs here")
    assert done.stderr.count("\n") == 1


def test_a_bug_gets_one_line_and_its_traceback_on_demand(tmp_path: Path, data: Path) -> None:
    program = "import host_tools.cli as c; c.commands.main = lambda **kw: 1 / 0; c.main()"
    quiet, loud = (_python(program, **more) for more in ({}, {"PLOTPOST_DEBUG": "1"}))
    assert quiet.returncode == 1
    assert (
        quiet.stderr == "plotpost: unexpected ZeroDivisionError: this is a bug; run it again with PLOTPOST_DEBUG=1 to see where\n"
    )
    assert "Traceback" in loud.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_as_ctrl_c_does(number: int) -> None:
    program = f"""
import os, time, host_tools.cli as c
def work(**options):
    try:
        os.kill(os.getpid(), {number})
        time.sleep(60)
    finally:
        print("tidied up")
c.commands.main = work
c.main()
"""
    done = _python(program)
    assert (done.returncode, done.stdout, done.stderr) == (1, "tidied up\n", "")


@pytest.mark.parametrize("work", ["click.prompt('Name')", "signal.raise_signal(signal.SIGINT)"])
def test_who_ends_a_command_finds_the_cursor_in_a_new_line(work: str) -> None:
    program = f"""
import click, signal, sys, host_tools.cli as c
c.commands.get_command = lambda context, name: click.Command(name, callback=lambda: {work})
sys.argv[1:] = ["work"]
c.main()
"""
    done = _python(program)
    assert (done.returncode, done.stderr) == (1, "\n")


def test_a_command_that_nohup_runs_outlives_its_terminal() -> None:
    program = (
        "import os, signal, host_tools.cli as c; c.commands.main = lambda **o: os.kill(os.getpid(), signal.SIGHUP); c.main()"
    )
    done = _python("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + program)
    assert (done.returncode, done.stderr) == (0, "")


def _python(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_a_reader_that_leaves_is_no_error(tmp_path: Path, data: Path, plotpost: Run) -> None:
    plotpost("token", "new")
    listing = processes.start(tmp_path, "token", "list", "--data", str(data))
    assert listing.stdout is not None
    listing.stdout.close()
    assert listing.stderr is not None
    assert listing.stderr.read() == ""
    listing.wait()
    listing.stderr.close()
