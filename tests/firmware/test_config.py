"""config.json and secrets.json, as the board reads them."""

import json
import os

from plotpost import config, sensors

FOLDER = "test_config.tmp/"


def plain():
    """The two files of a board that streams one channel, as parsed JSON."""
    return (
        {
            "version": 1,
            "board": "linux",
            "name": "cellar",
            "endpoint": "http://127.0.0.1:8050",
            "sensors": [{"driver": "cpu", "every": "1s", "channels": {"cpu": {"stream": "c1"}}}],
        },
        {"version": 1, "tokens": {"c1": "abcdefghij"}},
    )


def changed(path, value):
    """The plain files with one value changed, added or (None) taken out; `path` is such as "secrets/tokens/c1"."""
    files = dict(zip(("config", "secrets"), plain()))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = files
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return files["config"], files["secrets"]


def refusal(path, value):
    """The one line that refuses the plain files with this change."""
    try:
        config.parse(*changed(path, value))
    except config.ConfigError as error:
        return str(error)
    raise AssertionError(f"{path} = {value!r} was accepted")


def test_the_plain_form_is_filled_up_with_defaults():
    c = config.parse(*plain())
    assert (c.board, c.name, c.endpoint) == ("linux", "cellar", "http://127.0.0.1:8050")
    assert (c.scheme, c.host, c.port, c.path) == ("http", "127.0.0.1", 8050, "/")
    assert c.sensors == [{"driver": "cpu", "every_ms": 1000, "options": {}, "channels": {"cpu": "c1"}}]
    assert c.tokens == {"c1": "abcdefghij"}
    assert (c.ram_bytes, c.flash_bytes, c.checkpoint_ms, c.checkpoint_records) == (4096, 65536, 10000, 200)
    assert c.wifi == []
    assert c.plot is None
    assert c.account is None


def test_every_setting_is_taken():
    parsed, secrets = plain()
    parsed["sensors"].append(
        {"driver": "thermal", "every": "2m", "zone": "acpitz", "channels": {"temperature": {"stream": "t1"}}}
    )
    parsed["spool"] = {"ram": "8KiB", "flash": "128KiB"}
    parsed["wifi"] = ["home", "guest"]
    secrets["wifi"] = {"guest": "", "home": "password", "another": "x"}
    parsed["checkpoint"] = {"every": "500ms", "records": 7}
    parsed["plot"] = {"filename": "f", "title": "t"}
    secrets["tokens"]["t1"] = "bcdefghijk"
    secrets["tokens"]["another board's"] = "cdefghijkl"
    secrets["account"] = {"user": "me", "api_key": "key"}
    c = config.parse(parsed, secrets)
    assert c.sensors[1] == {
        "driver": "thermal",
        "every_ms": 120000,
        "options": {"zone": "acpitz"},
        "channels": {"temperature": "t1"},
    }
    assert c.tokens == {"c1": "abcdefghij", "t1": "bcdefghijk"}
    assert (c.ram_bytes, c.flash_bytes, c.checkpoint_ms, c.checkpoint_records) == (8192, 131072, 500, 7)
    assert c.wifi == [("home", "password"), ("guest", "")]
    assert c.plot == {"filename": "f", "title": "t"}
    assert c.account == ("me", "key")


def test_a_plot_without_names_is_called_like_the_board():
    parsed, secrets = plain()
    parsed["plot"] = {}
    secrets["account"] = {"user": "me", "api_key": "key"}
    assert config.parse(parsed, secrets).plot == {"filename": "cellar", "title": "cellar"}


def test_the_endpoint_is_taken_apart():
    for text, parts in (
        ("http://plots.lan", ("plots.lan", 80, "/")),
        ("http://plots.lan/", ("plots.lan", 80, "/")),
        ("http://my_pi:1/a/b%20c", ("my_pi", 1, "/a/b%20c")),
        ("http://10.0.0.1:65535", ("10.0.0.1", 65535, "/")),
    ):
        c = config.parse(*changed("config/endpoint", text))
        assert (c.host, c.port, c.path) == parts


def test_an_endpoint_in_another_form_is_refused_with_the_forms_allowed():
    form = " is not http://HOST, http://HOST:PORT or http://HOST:PORT/PATH"
    for text in (
        "127.0.0.1:8050",
        "//h",
        "http://",
        "http:///x",
        "ftp://h",
        "http://a b",
        "http://h?x",
        "http://h/a b",
        "http://h/\r\nX: 1",
    ):
        assert refusal("config/endpoint", text) == f"config.json: endpoint: {text!r}{form}"
    for port in ("", "0", "65536", "x", "-1", "8050a", "²", "80:80"):
        assert (
            refusal("config/endpoint", "http://h:" + port)
            == f"config.json: endpoint: the port {port!r} is not a number from 1 to 65535"
        )


def test_a_password_in_the_endpoint_is_not_repeated():
    line = refusal("config/endpoint", "http://me:hunter2@plots.lan")
    assert "user's name" in line
    assert "hunter2" not in line


class File:
    """A file beside config.json, gone at the end."""

    def __init__(self, name, content):
        self.name = name
        with open(name, "wb") as file:
            file.write(content)

    def remove(self):
        os.remove(self.name)


def secure(ca, **more):
    parsed, secrets = plain()
    parsed["endpoint"] = "https://plots.lan"
    parsed.update(more)
    secrets["account"] = {"user": "me", "api_key": "key"}
    if ca:
        secrets["ca"] = ca
    return parsed, secrets


def refused(files):
    try:
        config.parse(*files)
    except config.ConfigError as error:
        return str(error)
    raise AssertionError("accepted")


def test_https_wants_to_know_whom_to_trust():
    assert refused(secure(None)) == (
        'secrets.json: ca: is missing; https needs the file of the certificate to trust, such as "ca.der"'
    )
    assert refused(secure("no-such.der")) == "secrets.json: ca: names the file 'no-such.der', which cannot be read"
    pem = File("test-ca.pem", b"-----BEGIN CERTIFICATE-----")
    assert "is no DER certificate" in refused(secure(pem.name))
    pem.remove()
    der = File("test-ca.der", b"\x30\x82rest")
    assert config.parse(*secure(der.name)).authority == b"\x30\x82rest"
    der.remove()


def test_a_board_sends_no_api_key_to_somebody_whom_it_cannot_verify():
    der = File("test-ca.der", b"\x30\x82rest")
    assert refused(secure(der.name, plot={})).startswith("config.json: plot: a board creates no plot over https")
    der.remove()


def test_an_unknown_driver_is_told_with_the_known_ones():
    assert refusal("config/sensors/0/driver", "dht99") == (
        "config.json: sensors[0].driver: 'dht99' is unknown; known here: " + ", ".join(sensors.DRIVERS)
    )


def test_an_unknown_key_is_told_with_its_neighbours_wherever_it_stands():
    for path, line in (
        (
            "config/wlan",
            "config.json: wlan: is unknown; known here: board, checkpoint, endpoint, led, name, plot, sensors, sleep, spool, version,"
            " wifi",
        ),
        ("config/sensors/0/evry", "config.json: sensors[0].evry: is unknown; known here: channels, driver, every"),
        ("config/sensors/0/channels/gpu", "config.json: sensors[0].channels.gpu: is unknown; known here: cpu"),
        ("config/sensors/0/channels/cpu/x", "config.json: sensors[0].channels.cpu.x: is unknown; known here: stream"),
        ("config/spool", "config.json: spool.x: is unknown; known here: flash, ram"),
        ("config/checkpoint", "config.json: checkpoint.x: is unknown; known here: every, records"),
        ("config/plot", "config.json: plot.x: is unknown; known here: filename, title"),
        ("secrets/cert", "secrets.json: cert: is unknown; known here: account, ca, tokens, version, wifi"),
    ):
        assert refusal(path, {"x": 1}) == line


def test_a_missing_key_is_named():
    for path, line in (
        ("config/version", "config.json: version: is missing"),
        ("config/board", "config.json: board: is missing"),
        ("config/name", "config.json: name: is missing"),
        ("config/endpoint", "config.json: endpoint: is missing"),
        ("config/sensors", "config.json: sensors: is missing"),
        ("config/sensors/0/driver", "config.json: sensors[0].driver: is missing"),
        ("config/sensors/0/every", "config.json: sensors[0].every: is missing"),
        ("config/sensors/0/channels", "config.json: sensors[0].channels: must name at least one of: cpu"),
        ("config/sensors/0/channels/cpu/stream", "config.json: sensors[0].channels.cpu.stream: is missing"),
        ("secrets/version", "secrets.json: version: is missing"),
        ("secrets/tokens", "secrets.json: tokens.c1: is missing; sensors[0].channels.cpu in config.json streams to it"),
        ("secrets/tokens/c1", "secrets.json: tokens.c1: is missing; sensors[0].channels.cpu in config.json streams to it"),
    ):
        assert refusal(path, None) == line


def test_a_value_of_another_type_is_told_what_it_must_be():
    for path, value, line in (
        ("config", [], "config.json: must be an object in {}"),
        ("secrets", 1, "secrets.json: must be an object in {}"),
        ("config/version", True, "config.json: version: must be a whole number"),
        ("config/version", "1", "config.json: version: must be a whole number"),
        ("config/name", 5, "config.json: name: must be a text in quotes"),
        ("config/name", "", "config.json: name: must not be empty"),
        ("config/endpoint", {}, "config.json: endpoint: must be a text in quotes"),
        ("config/sensors", {}, "config.json: sensors: must be a list in []"),
        ("config/sensors", [], "config.json: sensors: must hold at least one sensor"),
        ("config/sensors/0", "cpu", "config.json: sensors[0]: must be an object in {}"),
        ("config/sensors/0/every", 5, "config.json: sensors[0].every: must be a text in quotes"),
        ("config/sensors/0/channels", ["cpu"], "config.json: sensors[0].channels: must be an object in {}"),
        ("config/sensors/0/channels", {}, "config.json: sensors[0].channels: must name at least one of: cpu"),
        ("config/sensors/0/channels/cpu", "c1", "config.json: sensors[0].channels.cpu: must be an object in {}"),
        ("config/spool", 1, "config.json: spool: must be an object in {}"),
        ("config/checkpoint", {"records": 1.5}, "config.json: checkpoint.records: must be a whole number"),
        ("config/plot", True, "config.json: plot: must be an object in {}"),
        ("secrets/tokens", [], "secrets.json: tokens: must be an object in {}"),
        ("secrets/account", {"user": "me"}, "secrets.json: account.api_key: is missing"),
    ):
        assert refusal(path, value) == line


def test_values_beyond_their_limits_are_told_the_limits():
    for path, value, line in (
        ("config/version", 2, "config.json: version: is 2; this firmware reads version 1"),
        ("config/sensors/0/every", "99ms", 'config.json: sensors[0].every: is too often for cpu, at most "100ms"'),
        ("config/spool", {"ram": "239B"}, 'config.json: spool.ram: is too little, at least "240B"'),
        ("config/spool", {"flash": "8191B"}, 'config.json: spool.flash: is too little, at least "8KiB"'),
        ("config/wifi", [], "config.json: wifi: must be a list of network names"),
        ("config/wifi", ["home", 5], "config.json: wifi: must be a list of network names"),
        (
            "config/wifi",
            ["home"],
            'secrets.json: wifi.home: is missing; config.json names this network (an open one has the password "")',
        ),
        ("config/checkpoint", {"records": 0}, "config.json: checkpoint.records: must be from 1 to 1000000"),
        ("config/checkpoint", {"records": 1000001}, "config.json: checkpoint.records: must be from 1 to 1000000"),
    ):
        assert refusal(path, value) == line
    assert "'5' is not a whole number" in refusal("config/checkpoint", {"every": "5"})
    assert "'4K' is not a whole number" in refusal("config/spool", {"ram": "4K"})


def test_a_plot_needs_an_account():
    assert refusal("config/plot", {}) == (
        'secrets.json: account: is missing; to create the plot it must be {"user": "..", "api_key": ".."}'
    )


def test_a_token_that_would_break_a_header_or_a_line_is_refused_without_repeating_it():
    for token in ("abc\r\nX: y", 'abc"', "abc\\", "abc def", "abcé", "abc\x7f"):
        line = refusal("secrets/tokens/c1", token)
        assert line == 'secrets.json: tokens.c1: must be printable ASCII without spaces, " and \\'
    assert refusal("secrets/tokens/c1", "") == "secrets.json: tokens.c1: must not be empty"
    assert refusal("secrets/tokens/c1", 1234567890) == "secrets.json: tokens.c1: must be a text in quotes"


def with_files(files, function):
    """Call `function` while a folder holds `files` ({name: text})."""
    os.mkdir(FOLDER[:-1])
    try:
        for name, text in files.items():
            with open(FOLDER + name, "w") as file:
                file.write(text)
        return function()
    finally:
        for name in files:
            os.remove(FOLDER + name)
        os.rmdir(FOLDER[:-1])


def load_refusal():
    try:
        config.load(FOLDER)
    except config.ConfigError as error:
        return str(error)
    raise AssertionError("accepted")


def test_both_files_are_read_from_the_folder():
    parsed, secrets = plain()
    parsed["name"] = "Küche"
    c = with_files({"config.json": json.dumps(parsed), "secrets.json": json.dumps(secrets)}, lambda: config.load(FOLDER))
    assert c.name == "Küche"
    assert c.tokens == {"c1": "abcdefghij"}


def test_a_missing_file_is_named():
    assert load_refusal() == "config.json: cannot be read; put it beside main.py"
    text = json.dumps(plain()[0])
    assert with_files({"config.json": text}, load_refusal) == "secrets.json: cannot be read; put it beside main.py"


def test_a_file_that_is_no_json_is_named():
    for text in ("", "{", '{"version": 1', "version: 1", "\xff"):
        line = with_files({"config.json": text}, load_refusal)
        assert line == "config.json: is not JSON; look for a missing comma, quote or bracket"


def test_a_board_that_sleeps_names_its_rhythm():
    assert config.parse(*plain()).sleep is None
    assert config.parse(*changed("config/sleep", {"every": "10m", "connect_every": 6})).sleep == (600000, 6)
    assert config.parse(*changed("config/sleep", {"every": "1s"})).sleep == (1000, 1)


def test_a_rhythm_that_cannot_be_is_refused():
    for value, line in (
        ({}, "config.json: sleep.every: is missing"),
        ({"every": "500ms"}, 'config.json: sleep.every: is too often, at least "1s"'),
        ({"every": "1m", "connect_every": 0}, "config.json: sleep.connect_every: must be from 1 to 1000000"),
        ({"every": "1m", "conect_every": 2}, "config.json: sleep.conect_every: is unknown; known here: connect_every, every"),
    ):
        assert refusal("config/sleep", value) == line


def test_the_led_is_a_pin_by_name_or_number():
    assert config.parse(*plain()).led is None
    for pin in ("LED", 2):
        assert config.parse(*changed("config/led", pin)).led == pin
    assert refusal("config/led", []) == "config.json: led: must be the name or number of a pin"
