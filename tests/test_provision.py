"""What goes onto a board is made whole first: from files, the board, the endpoint, and by asking; secrets stay secret."""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from host_tools import accounts, boards
from host_tools.child_endpoint import ChildEndpoint
from host_tools.config import ConfigError, validate
from host_tools.provision import ProvisionError, masked, nearby, read_back
from host_tools.provision.complete import Attached, Complete, Source, complete
from host_tools.provision.documents import Documents, read_documents
from host_tools.provision.questions import Questions

Json = dict[str, Any]

DEVICE = "e661640843223f2a"
CONFIG: Json = {
    "version": 1,
    "board": "pico_w",
    "name": "greenhouse",
    "endpoint": "http://192.168.1.10:8050",
    "wifi": ["home"],
    "sensors": [
        {
            "driver": "dht22",
            "pin": "GP15",
            "every": "5s",
            "channels": {"temperature": {"stream": "t"}, "humidity": {"stream": "h"}},
        }
    ],
}
SECRETS: Json = {"version": 1, "wifi": {"home": "s3cr3t-wifi"}, "tokens": {"t": "s3cr3t-one", "h": "s3cr3t-two"}}


class Somebody:
    """A person who says what the test says; each question is noted."""

    def __init__(self, config: Json | None = None, passwords: dict[str, str] | None = None, key: str = "") -> None:
        self.asked: list[str] = []
        self._config, self._passwords, self._key = config, passwords or {}, key

    def config(self, board: boards.Board, device_id: str, known: Json) -> Json:
        self.asked.append("config")
        assert self._config is not None
        return self._config

    def password(self, network: str, kept: bool) -> str | None:
        self.asked.append(f"password of {network}")
        return self._passwords.get(network)

    def account(self, endpoint: str) -> tuple[str, str]:
        self.asked.append("account")
        return "me", self._key


def _complete(
    tmp_path: Path,
    config: Json | None = CONFIG,
    secrets: Json | None = None,
    known: tuple[Json, Json] | None = None,
    person: Somebody | None = None,
    **source: Any,
) -> Complete:
    attached = Attached(boards.load("pico_w"), DEVICE, known)
    return complete(Documents(config, secrets or {}), attached, Source(tmp_path / "usual", **source), person)


# Files and standard input


def _write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return str(path)


def _comes_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """On standard input, which takes it for another encoding than it is."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="latin-1"))


def test_secrets_json_is_looked_for_beside_config_json(tmp_path: Path) -> None:
    config = _write(tmp_path / "config.json", CONFIG)
    assert read_documents(config, None) == Documents(CONFIG, {})
    _write(tmp_path / "secrets.json", SECRETS)
    assert read_documents(config, None) == Documents(CONFIG, SECRETS)
    assert read_documents(config, _write(tmp_path / "other.json", {"version": 1})) == Documents(CONFIG, {"version": 1})


@pytest.mark.parametrize("secrets", [None, "-"])
def test_one_document_on_standard_input_stands_for_both(secrets: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    _comes_in(monkeypatch, json.dumps({"config": CONFIG, "secrets": SECRETS}))
    assert read_documents("-", secrets) == Documents(CONFIG, SECRETS)


def test_either_alone_can_come_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _comes_in(monkeypatch, json.dumps(CONFIG))
    assert read_documents("-", None) == Documents(CONFIG, {})
    _comes_in(monkeypatch, json.dumps(SECRETS))
    assert read_documents(_write(tmp_path / "config.json", CONFIG), "-") == Documents(CONFIG, SECRETS)
    _comes_in(monkeypatch, json.dumps(SECRETS))
    assert read_documents(None, "-") == Documents(None, SECRETS)


def test_standard_input_is_utf_8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    _comes_in(monkeypatch, json.dumps({**CONFIG, "wifi": ["Café"]}, ensure_ascii=False))
    assert read_documents("-", None) == Documents({**CONFIG, "wifi": ["Café"]}, {})


def test_a_certificate_is_meant_beside_the_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _write(tmp_path / "config.json", CONFIG)
    _write(tmp_path / "secrets.json", {**SECRETS, "ca": "ca.pem"})
    assert read_documents(config, None).secrets["ca"] == str(tmp_path / "ca.pem")
    monkeypatch.chdir(tmp_path)
    _comes_in(monkeypatch, json.dumps({"config": CONFIG, "secrets": {**SECRETS, "ca": "ca.pem"}}))
    assert read_documents("-", None).secrets["ca"] == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("text", "secrets", "told"),
    [
        ("{", None, "standard input: line 1, column 2: "),
        ("[]", None, "standard input: must be an object in {}"),
        ('{"config": {}, "secrets": []}', None, "standard input: secrets: must be an object in {}"),
        ('{"config": {}, "secrets": {}}', "x.json", "standard input: holds the secrets already: leave --secrets away"),
        ('{"name": "a", "name": "b"}', None, "standard input: the key 'name' stands twice in the same object"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, secrets: str | None, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _comes_in(monkeypatch, text)
    with pytest.raises(ConfigError) as caught:
        read_documents("-", secrets)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"[" * 100_000], ids=lambda content: str(content[:4]))
def test_a_configuration_on_the_board_that_is_none_counts_as_none(content: bytes) -> None:
    board: Any = SimpleNamespace(read=lambda path: content)
    assert read_back(board) is None


# Made whole


def test_what_is_given_whole_is_left_as_it_is(tmp_path: Path) -> None:
    whole = _complete(tmp_path, secrets=SECRETS)
    assert (whole.config, whole.secrets, whole.plot) == (CONFIG, SECRETS, None)
    assert not (tmp_path / "usual").exists()


def test_what_the_board_has_and_files_leave_out_stays(tmp_path: Path) -> None:
    whole = _complete(tmp_path, {**CONFIG, "name": "shed"}, known=(CONFIG, SECRETS))
    assert whole.secrets == SECRETS


def test_another_endpoint_gets_no_token_of_the_old_one(tmp_path: Path) -> None:
    whole = _complete(tmp_path, {**CONFIG, "endpoint": "http://192.168.1.11:8050"}, known=(CONFIG, SECRETS))
    assert whole.secrets == {"version": 1, "wifi": SECRETS["wifi"], "tokens": {}}


def test_without_files_and_person_the_boards_own_configuration_is_meant(tmp_path: Path) -> None:
    new = {"version": 1, "tokens": {"t": "s3cr3t-new"}}
    whole = _complete(tmp_path, None, new, known=(CONFIG, SECRETS))
    assert whole.config == CONFIG
    assert whole.secrets["tokens"] == {"t": "s3cr3t-new", "h": "s3cr3t-two"}


def test_a_board_without_any_needs_one(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"^the board has no configuration yet: give one with --config, or run"):
        _complete(tmp_path, None)


def test_a_person_is_asked_only_for_what_is_missing(tmp_path: Path) -> None:
    somebody = Somebody(passwords={"shed": "s3cr3t-shed"})
    whole = _complete(tmp_path, {**CONFIG, "wifi": ["home", "shed"]}, SECRETS, person=somebody)
    assert whole.secrets["wifi"] == {"home": "s3cr3t-wifi", "shed": "s3cr3t-shed"}
    assert somebody.asked == ["password of shed"]


def test_who_is_asked_for_everything_may_keep_a_password(tmp_path: Path) -> None:
    somebody = Somebody(CONFIG)
    whole = _complete(tmp_path, None, known=(CONFIG, SECRETS), person=somebody)
    assert whole.secrets == SECRETS
    assert somebody.asked == ["config", "password of home"]


def test_nothing_is_made_for_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    wrong = {**CONFIG, "sensors": [{**CONFIG["sensors"][0], "pin": "GP23"}]}
    with pytest.raises(ProvisionError, match=r"^config.json: sensors\[0\].pin: GP23 is not free on pico_w"):
        _complete(tmp_path, wrong, SECRETS, data=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_board_with_wifi_is_not_sent_to_itself(host: str, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=f"^config.json: endpoint: {host} means the board itself on a board with WiFi; name"):
        _complete(tmp_path, {**CONFIG, "endpoint": f"http://{host}:8050"}, SECRETS)


@pytest.mark.parametrize(
    "change",
    [
        {"sensors": 5},
        {"sensors": [5]},
        {"sensors": [{"channels": []}]},
        {"sensors": [{"channels": {"t": 5}}]},
        {"endpoint": 5},
        {"wifi": "home"},
        {"wifi": [["home"]]},
        {"plot": 5},
        {"board": ["pico"]},
        {"name": None},
    ],
)
def test_anything_in_a_file_is_refused_in_words(change: Json, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"^config\.json: "):
        _complete(tmp_path, {**CONFIG, **change}, SECRETS)


@pytest.mark.parametrize(
    "change", [{"tokens": 5}, {"tokens": {"t": 5}}, {"wifi": 5}, {"wifi": {"home": 5}}, {"account": 5}, {"ca": 5}]
)
def test_anything_in_a_file_of_secrets_is_refused_in_words(change: Json, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"^secrets\.json: ") as caught:
        _complete(tmp_path, secrets={**SECRETS, **change})
    assert "s3cr3t" not in str(caught.value)


# Plot and tokens at the endpoint


@pytest.fixture
def here(endpoint: ChildEndpoint) -> Json:
    """A configuration for a board that this machine bridges."""
    return {**{key: value for key, value in CONFIG.items() if key != "wifi"}, "endpoint": endpoint.url}


def test_plot_and_tokens_are_made_in_the_data_folder_of_an_endpoint_on_this_machine(
    endpoint: ChildEndpoint, here: Json, tmp_path: Path
) -> None:
    whole = _complete(tmp_path, here, data=endpoint.data)
    assert whole.plot == f"{endpoint.url}/~me/1"
    with accounts.opened(endpoint.data) as store:
        routes = store.routes()
        (plot,) = store.plots()
        loaded = store.load_plot(plot.id)
    assert plot.filename == "greenhouse"
    assert {token: routes[token].plot_id for token in whole.secrets["tokens"].values()} == dict.fromkeys(
        whole.secrets["tokens"].values(), plot.id
    )
    assert loaded is not None
    figure = json.loads(loaded[1])
    assert [trace["name"] for trace in figure["data"]] == ["temperature", "humidity"]
    assert [trace["yaxis"] for trace in figure["data"]] == ["y", "y2"]  # a subplot for each unit
    assert "account" not in whole.secrets


def test_a_board_finds_its_tokens_again_after_it_was_wiped(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    first, again = (_complete(tmp_path, here, data=endpoint.data) for _ in range(2))
    assert (again.secrets, again.plot) == (first.secrets, first.plot)


def test_a_token_that_the_endpoint_takes_no_more_is_not_kept(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    first = _complete(tmp_path, here, data=endpoint.data)
    board = (first.config, {**first.secrets, "tokens": {**first.secrets["tokens"], "t": "of-another-life"}})
    assert _complete(tmp_path, here, known=board, data=endpoint.data).secrets == first.secrets


def test_tokens_that_the_endpoint_takes_stay_and_no_folder_is_made_for_them(
    endpoint: ChildEndpoint, here: Json, tmp_path: Path
) -> None:
    first = _complete(tmp_path, here, data=endpoint.data)
    again = _complete(tmp_path, here, known=(first.config, first.secrets))  # the usual folder is not this endpoint's
    assert (again.secrets, again.plot) == (first.secrets, None)
    assert not (tmp_path / "usual").exists()


def test_tokens_that_were_revoked_are_made_anew(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    first = _complete(tmp_path, here, data=endpoint.data)
    gone = first.secrets["tokens"]["t"]
    with accounts.opened(endpoint.data) as store:
        store.revoke_token(gone)
    while not nearby.refuses(endpoint.url, gone):  # it sees within a second what was done in its data folder
        time.sleep(0.05)
    again = _complete(tmp_path, here, known=(first.config, first.secrets), data=endpoint.data)
    assert again.secrets["tokens"]["t"] != gone
    assert again.secrets["tokens"]["h"] == first.secrets["tokens"]["h"]


def test_two_boards_of_one_name_share_a_plot_and_no_token(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    first = _complete(tmp_path, here, data=endpoint.data)
    other = complete(
        Documents(here, {}), Attached(boards.load("pico_w"), "e6616408432200ff", None), Source(tmp_path, endpoint.data), None
    )
    assert other.plot == first.plot
    assert not set(other.secrets["tokens"].values()) & set(first.secrets["tokens"].values())
    with accounts.opened(endpoint.data) as store:
        (plot,) = store.plots()
        assert store.links(plot.id) == {*first.secrets["tokens"].values(), *other.secrets["tokens"].values()}


def test_the_names_of_the_plot_are_used_here_and_the_board_needs_no_api_key(
    endpoint: ChildEndpoint, here: Json, tmp_path: Path
) -> None:
    whole = _complete(tmp_path, {**here, "plot": {"filename": "tomatoes", "title": "The tomatoes"}}, data=endpoint.data)
    assert "plot" not in whole.config
    with accounts.opened(endpoint.data) as store:
        (plot,) = store.plots()
        loaded = store.load_plot(plot.id)
    assert plot.filename == "tomatoes"
    assert loaded is not None
    assert json.loads(loaded[1])["layout"]["title"] == {"text": "The tomatoes"}


def test_a_board_that_is_to_make_its_plot_by_itself_does(tmp_path: Path) -> None:
    config, account = {**CONFIG, "plot": {"title": "Mine"}}, {"user": "me", "api_key": "s3cr3t-key"}
    whole = _complete(tmp_path, config, {**SECRETS, "account": account})
    assert (whole.config, whole.secrets["account"], whole.plot) == (config, account, None)


def test_a_board_at_a_bridge_makes_no_plot_by_itself(tmp_path: Path) -> None:
    config = {key: value for key, value in CONFIG.items() if key != "wifi"} | {"plot": {"title": "Mine"}}
    whole = _complete(tmp_path, config, {**SECRETS, "account": {"user": "me", "api_key": "s3cr3t-key"}})
    assert "plot" not in whole.config


def test_a_user_that_is_made_on_the_way_is_told_with_the_key(tmp_path: Path) -> None:
    config = {**CONFIG, "endpoint": "http://192.0.2.1:8050"}  # TEST-NET-1: nobody answers
    first = _complete(tmp_path, config, SECRETS | {"tokens": {}}, data=tmp_path / "data")
    assert first.new_key
    assert first.new_key not in repr(first)
    assert _complete(tmp_path, config, SECRETS | {"tokens": {}}, data=tmp_path / "data").new_key is None


def test_a_data_folder_that_is_another_endpoints_is_told(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    with pytest.raises(
        ProvisionError, match=rf"^{endpoint.url} does not keep its data in .*: name its folder with --data, or give an"
    ):
        _complete(tmp_path, here, data=tmp_path / "other")


def test_an_unknown_user_is_told(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match=r"^there is no user 'ann': see 'plotpost user list"):
        _complete(tmp_path, here, data=endpoint.data, user="ann")


def test_the_usual_folder_is_taken_when_the_endpoint_is_here(
    serve: Callable[..., ChildEndpoint], here: Json, tmp_path: Path
) -> None:
    endpoint = serve(data=tmp_path / "usual")
    whole = _complete(tmp_path, {**here, "endpoint": endpoint.url})
    assert whole.plot == f"{endpoint.url}/~me/1"


# Over REST, at an endpoint elsewhere


@pytest.fixture
def key(endpoint: ChildEndpoint) -> str:
    assert endpoint.api_key is not None
    return endpoint.api_key


def test_plot_and_tokens_are_made_over_rest_with_an_api_key(
    endpoint: ChildEndpoint, here: Json, key: str, tmp_path: Path
) -> None:
    first, again = (_complete(tmp_path, here, api_key=key) for _ in range(2))
    assert first.plot == f"{endpoint.url}/~me/1"
    assert (again.secrets, again.plot) == (first.secrets, first.plot)
    with accounts.opened(endpoint.data) as store:
        (plot,) = store.plots()
        assert store.links(plot.id) == set(first.secrets["tokens"].values())
    assert not (tmp_path / "usual").exists()


def test_the_account_in_the_secrets_is_used_and_does_not_go_to_the_board(here: Json, key: str, tmp_path: Path) -> None:
    whole = _complete(tmp_path, here, {"account": {"user": "me", "api_key": key}})
    assert set(whole.secrets["tokens"]) == {"t", "h"}


def test_both_ways_find_the_same_tokens(endpoint: ChildEndpoint, here: Json, key: str, tmp_path: Path) -> None:
    assert _complete(tmp_path, here, api_key=key).secrets == _complete(tmp_path, here, data=endpoint.data).secrets


def test_the_plot_of_a_board_that_has_its_tokens_is_found_with_an_api_key(here: Json, key: str, tmp_path: Path) -> None:
    config = {**here, "plot": {"filename": "tomatoes & basil"}}
    first = _complete(tmp_path, config, api_key=key)
    assert first.plot
    known = (first.config, first.secrets)
    assert _complete(tmp_path, config, known=known, api_key=key).plot == first.plot
    assert _complete(tmp_path, config, known=known, api_key="s3cr3t-key").plot is None
    assert _complete(tmp_path, {**config, "plot": {"filename": "beans"}}, known=known, api_key=key).plot is None


def test_a_wrong_api_key_is_told_and_not_shown(endpoint: ChildEndpoint, here: Json, tmp_path: Path) -> None:
    with pytest.raises(
        ProvisionError, match=rf"^{endpoint.url} refuses the API key of 'me': look it up where `plotpost serve`"
    ) as caught:
        _complete(tmp_path, here, api_key="s3cr3t-key")
    assert "s3cr3t" not in str(caught.value)


def test_an_endpoint_that_is_away_is_told(endpoint: ChildEndpoint, here: Json, key: str, tmp_path: Path) -> None:
    endpoint.kill()
    with pytest.raises(ProvisionError, match=rf"^{endpoint.url} cannot be reached \(.*\): does `plotpost serve` run there\?$"):
        _complete(tmp_path, here, api_key=key)


def test_over_https_the_key_goes_to_nobody_who_is_not_trusted(
    serve: Callable[..., ChildEndpoint], here: Json, tmp_path: Path
) -> None:
    endpoint = serve("--tls-self-signed", "--tls-port", "0", data=tmp_path / "tls")
    assert endpoint.tls_url is not None
    config = {**here, "endpoint": endpoint.tls_url}
    with pytest.raises(ProvisionError, match=r"^the certificate of https://.* is not trusted .*: name its ca.pem under \"ca\""):
        _complete(tmp_path, config, api_key=endpoint.api_key)
    whole = _complete(tmp_path, config, {"ca": str(endpoint.data / "ca.pem")}, api_key=endpoint.api_key)
    assert whole.plot == f"{endpoint.tls_url}/~me/1"


# The certificate to trust


def test_the_certificate_of_an_endpoint_on_this_machine_is_found(
    serve: Callable[..., ChildEndpoint], here: Json, tmp_path: Path
) -> None:
    endpoint = serve("--tls-self-signed", "--tls-port", "0", data=tmp_path / "usual")
    assert endpoint.tls_url is not None
    config = {**here, "endpoint": endpoint.tls_url}
    first = _complete(tmp_path, config)
    assert first.secrets["ca"] == str(tmp_path / "usual" / "ca.der")
    assert first.plot == f"{endpoint.tls_url}/~me/1"
    again = _complete(tmp_path, config, known=(first.config, {**first.secrets, "ca": "ca.der"}))
    assert (again.secrets, again.plot) == (first.secrets, first.plot)


def test_the_certificate_that_the_board_has_stays(tmp_path: Path) -> None:
    config = {**CONFIG, "endpoint": "https://192.0.2.99:8443"}
    assert _complete(tmp_path, config, known=(config, {**SECRETS, "ca": "ca.der"})).secrets["ca"] == "ca.der"


# Masks


def test_masked_secrets_show_which_there_are() -> None:
    secrets = {**SECRETS, "ca": "ca.der", "account": {"user": "me", "api_key": "s3cr3t-key"}}
    secrets["tokens"] = {"t": "s3cr3t-one", "short": "s3cr3t"}
    assert masked(secrets) == {
        "version": 1,
        "wifi": {"home": "********"},
        "tokens": {"t": "s3cr******", "short": "********"},
        "ca": "ca.der",
        "account": {"user": "********", "api_key": "********"},
    }


# Questions


def _asked(board: str, *answers: str, known: Json | None = None) -> tuple[Json, str]:
    """What a person's answers make, and what was shown."""
    made: list[Json] = []

    @click.command()
    def command() -> None:
        made.append(Questions().config(boards.load(board), DEVICE, known or {}))

    done = CliRunner().invoke(command, input="".join(f"{answer}\n" for answer in answers), catch_exceptions=False)
    assert made, done.output
    return made[0], done.output


@pytest.fixture
def _nobody_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.provision.nearby.proposals", lambda wifi: [])


@pytest.mark.usefixtures("_nobody_near")
def test_enter_is_an_answer_to_everything_a_pico_is_asked() -> None:
    config, shown = _asked("pico", *[""] * 6)
    assert config["name"] == "pico-3f2a"  # the end of the chip's number: two boards are told apart
    assert config["endpoint"] == "http://127.0.0.1:8050"
    assert "No endpoint answers yet: start one with `plotpost serve`" in shown
    assert validate(config, {"version": 1, "tokens": {"uptime_s": "a", "free_heap_b": "b", "rssi_dbm": "c"}}) == []


@pytest.mark.usefixtures("_nobody_near")
def test_wrong_answers_are_asked_again_with_the_reason() -> None:
    answers = [
        "shelf",
        "ftp://x",
        "http://127.0.0.1:8050",
        "dht",
        "dht22",
        "GP99",
        "GP15",
        "1ms",
        "2s",
        "dht22",
        "GP15",
        "",
        "",
        "",
    ]
    config, shown = _asked("pico", *answers)
    assert [(entry["driver"], entry["pin"], entry["every"]) for entry in config["sensors"]] == [
        ("dht22", "GP15", "2s"),
        ("dht22", "GP0", "5s"),
    ]
    assert [list(entry["channels"].values()) for entry in config["sensors"]] == [
        [{"stream": "temperature"}, {"stream": "humidity"}],
        [{"stream": "temperature2"}, {"stream": "humidity2"}],
    ]
    for reason in (
        "'ftp://x' is not http://HOST",
        "it must be one of analog, dht11, dht22",
        "'GP99' is no pin of pico",
        "dht22 can be read every 2000 ms at most",
        "GP15 is taken by dht22, sensors[0], already",
    ):
        assert reason in shown


@pytest.mark.usefixtures("_nobody_near")
def test_what_the_board_has_is_the_default() -> None:
    known = {**CONFIG, "wifi": ["home", "shed"], "spool": {"ram": "8KiB"}, "led": "LED"}
    config, _ = _asked("pico_w", "", "", "", "", "", "", known=known)
    assert config == known


def test_endpoints_that_answer_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.provision.nearby.proposals", lambda wifi: ["http://192.168.1.10:8050"] if wifi else [])
    config, shown = _asked("pico_w", "", "home", "", "", "", "", "", "", "")
    assert config["endpoint"] == "http://192.168.1.10:8050"
    assert "Endpoints that answer: http://192.168.1.10:8050" in shown
