"""config.json and secrets.json to checked Settings.

The board checks what it needs to be safe and says in one line what is wrong; host_tools/config.py says more, and earlier.
"""

import json

from plotpost import sensors, units, url
from plotpost.port import const, printable
from plotpost.settings import Settings

_VERSION = const(1)
_CONFIG = const("config.json")
_SECRETS = const("secrets.json")
_RAM_MIN = const(240)  # 20 records
_FLASH_MIN = const(8192)  # two segments
_RECORDS_MAX = const(1000000)
_SLEEP_MIN_MS = const(1000)
_KINDS = {str: "a text in quotes", int: "a whole number", dict: "an object in {}", list: "a list in []"}
_REQUIRED = object()


class ConfigError(ValueError):
    """One line for the owner of the board: file, key and remedy; never a secret."""


def load(folder=""):
    """The Settings of the files in `folder` ("" or with "/" at its end). Raises ConfigError."""
    return parse(_read(folder, _CONFIG), _read(folder, _SECRETS))


def parse(config, secrets):
    """The Settings of the two parsed files. Raises ConfigError."""
    settings = Settings()
    top = _Object(config, _CONFIG, "")
    _check_version(top)
    settings.board = top.text("board")
    settings.name = top.text("name")
    settings.endpoint = top.text("endpoint")
    settings.scheme, settings.host, settings.port, settings.path = top.parsed("endpoint", url.parse)
    settings.sensors = _sensors(top)
    settings.ram_bytes, settings.flash_bytes = _spool(top.object("spool"))
    settings.checkpoint_ms, settings.checkpoint_records = _checkpoint(top.object("checkpoint"))
    settings.plot = _plot(top.object("plot"), settings.name) if top.has("plot") else None
    settings.led = _led(top) if top.has("led") else None
    settings.sleep = _sleep(top.object("sleep")) if top.has("sleep") else None
    networks = _networks(top) if top.has("wifi") else []
    top.finish()
    _take_secrets(settings, _Object(secrets, _SECRETS, ""), networks)
    return settings


def _take_secrets(settings, top, networks):
    _check_version(top)
    settings.authority = _authority(settings, top) if top.has("ca") else None
    if settings.scheme == "https" and settings.authority is None:
        raise top.wrong("ca", 'is missing; https needs the file of the certificate to trust, such as "ca.der"')
    settings.wifi = _passwords(top.object("wifi"), networks)
    settings.tokens = _tokens(top.object("tokens"), settings.sensors)
    settings.account = _account(top.object("account")) if top.has("account") else None
    top.finish()
    if settings.plot and not settings.account:
        raise top.wrong("account", 'is missing; to create the plot it must be {"user": "..", "api_key": ".."}')
    if settings.plot and settings.scheme == "https":
        # micropython-lib's requests verifies nothing: the API key would go to whoever answers
        raise ConfigError(f"{_CONFIG}: plot: a board creates no plot over https; make it with 'plotpost plot new'")


def _read(folder, name):
    try:
        with open(folder + name, encoding="utf-8") as file:
            return json.load(file)
    except OSError:
        raise ConfigError(f"{name}: cannot be read; put it beside main.py") from None
    except ValueError:
        raise ConfigError(f"{name}: is not JSON; look for a missing comma, quote or bracket") from None


class _Object:
    """A JSON object that is being read. It knows where it stands, and which keys it was asked for."""

    def __init__(self, value, file, path):
        self._value = value
        self._file = file
        self._path = path
        self._known = []
        if type(value) is not dict:
            raise self.wrong("", "must be an object in {}")

    def wrong(self, key, problem):
        """A ConfigError about `key`, or about the object itself when that is empty."""
        return ConfigError(": ".join([part for part in (self._file, self._place(key), problem) if part]))

    def has(self, key):
        """Whether `key` is there. Asking makes it a known key."""
        if key not in self._known:
            self._known.append(key)
        return key in self._value

    def get(self, key, kind=None, default=_REQUIRED):
        """The value of `key`, which must be of the type `kind` if one is given."""
        if not self.has(key):
            if default is _REQUIRED:
                raise self.wrong(key, "is missing")
            return default
        value = self._value[key]
        if kind and type(value) is not kind:  # isinstance would take true for a number
            raise self.wrong(key, "must be " + _KINDS[kind])
        return value

    def text(self, key, default=_REQUIRED):
        """The text of `key`, not an empty one."""
        value = self.get(key, str, default)
        if not value:
            raise self.wrong(key, "must not be empty")
        return value

    def parsed(self, key, parse, default=_REQUIRED):
        """What `parse` makes of the text of `key`, or of the text `default`."""
        text = self.get(key, str, default)
        try:
            return parse(text)
        except ValueError as error:
            raise self.wrong(key, str(error)) from None

    def object(self, key):
        """The object under `key`, an empty one if there is none."""
        return _Object(self.get(key, dict, {}), self._file, self._place(key))

    def finish(self):
        """Accept no other keys: one that is misspelt would be a setting that is silently not made."""
        unknown = sorted([key for key in self._value if key not in self._known])
        if unknown:
            raise self.wrong(unknown[0], "is unknown; known here: " + ", ".join(sorted(self._known)))

    def _place(self, key):
        return f"{self._path}.{key}" if self._path and key else self._path or key


def _check_version(top):
    version = top.get("version", int)
    if version != _VERSION:
        raise top.wrong("version", f"is {version}; this firmware reads version {_VERSION}")


def _sensors(top):
    entries = top.get("sensors", list)
    if not entries:
        raise top.wrong("sensors", "must hold at least one sensor")
    return [_sensor(_Object(entry, _CONFIG, f"sensors[{i}]")) for i, entry in enumerate(entries)]


def _sensor(entry):
    name = entry.text("driver")
    if name not in sensors.DRIVERS:
        raise entry.wrong("driver", f"{name!r} is unknown; known here: {', '.join(sensors.DRIVERS)}")
    driver = sensors.driver(name)
    every = entry.parsed("every", units.milliseconds)
    if every < driver.MIN_EVERY_MS:
        raise entry.wrong("every", f'is too often for {name}, at most "{driver.MIN_EVERY_MS}ms"')
    channels = _channels(entry.object("channels"), driver)
    options = {option: entry.get(option) for option in driver.OPTIONS if entry.has(option)}
    entry.finish()
    return {"driver": name, "every_ms": every, "options": options, "channels": channels}


def _channels(channels, driver):
    streams = {}
    for name, _, _ in driver.CHANNELS:
        if channels.has(name):
            channel = channels.object(name)
            streams[name] = channel.text("stream")
            channel.finish()
    channels.finish()
    if not streams:
        raise channels.wrong("", "must name at least one of: " + ", ".join([c[0] for c in driver.CHANNELS]))
    return streams


def _authority(settings, top):
    """The certificate that https trusts, DER, from the file that `ca` names. Without https it is not read."""
    name = top.text("ca")
    if settings.scheme != "https":
        return None
    try:
        with open(name, "rb") as file:
            content = file.read()
    except OSError:
        raise top.wrong("ca", f"names the file {name!r}, which cannot be read") from None
    if content[:1] != b"\x30":  # an ASN.1 sequence; PEM begins with dashes, and boards do not read it
        raise top.wrong("ca", f"{name} is no DER certificate; convert it: openssl x509 -outform der")
    return content


def _networks(top):
    names = top.get("wifi", list)
    if not names or not all(type(name) is str and name for name in names):
        raise top.wrong("wifi", "must be a list of network names")
    return names


def _passwords(wifi, networks):
    """The passwords of the networks that config.json names; others may stand there too."""
    pairs = []
    for name in networks:
        if not wifi.has(name):
            raise wifi.wrong(name, f'is missing; {_CONFIG} names this network (an open one has the password "")')
        pairs.append((name, wifi.get(name, str)))
    return pairs


def _spool(spool):
    ram = spool.parsed("ram", units.size, "4KiB")
    if ram < _RAM_MIN:
        raise spool.wrong("ram", f'is too little, at least "{_RAM_MIN}B"')
    flash = spool.parsed("flash", units.size, "64KiB")
    if flash < _FLASH_MIN:
        raise spool.wrong("flash", f'is too little, at least "{_FLASH_MIN // 1024}KiB"')
    spool.finish()
    return ram, flash


def _checkpoint(checkpoint):
    every = checkpoint.parsed("every", units.milliseconds, "10s")
    records = checkpoint.get("records", int, 200)
    if not 0 < records <= _RECORDS_MAX:
        raise checkpoint.wrong("records", f"must be from 1 to {_RECORDS_MAX}")
    checkpoint.finish()
    return every, records


def _led(top):
    pin = top.get("led")
    if type(pin) not in (str, int):
        raise top.wrong("led", "must be the name or number of a pin")
    return pin


def _sleep(sleep):
    every = sleep.parsed("every", units.milliseconds)
    if every < _SLEEP_MIN_MS:
        raise sleep.wrong("every", f'is too often, at least "{_SLEEP_MIN_MS // 1000}s"')
    connect_every = sleep.get("connect_every", int, 1)
    if not 0 < connect_every <= _RECORDS_MAX:
        raise sleep.wrong("connect_every", f"must be from 1 to {_RECORDS_MAX}")
    sleep.finish()
    return every, connect_every


def _plot(plot, name):
    names = {"filename": plot.text("filename", name), "title": plot.text("title", name)}
    plot.finish()
    return names


def _tokens(tokens, entries):
    """The tokens of the streams in use. Others may stand there too: one secrets.json can serve several boards."""
    used = {}
    for i, entry in enumerate(entries):
        for channel, stream in entry["channels"].items():
            if not tokens.has(stream):
                raise tokens.wrong(stream, f"is missing; sensors[{i}].channels.{channel} in {_CONFIG} streams to it")
            used[stream] = tokens.text(stream)
            if not _plain(used[stream]):
                raise tokens.wrong(stream, 'must be printable ASCII without spaces, " and \\')
    return used


def _plain(text):
    """Whether `text` can stand in an HTTP header, and between JSON's quotes, as it is."""
    return printable(text) and " " not in text and '"' not in text and "\\" not in text


def _account(account):
    user = account.text("user"), account.text("api_key")
    account.finish()
    return user
