"""Creates the plot that the board streams into, over Plotly's REST dialect v1 (POST /clientresp).

`requests` does the transport: micropython-lib's on a board, the one from PyPI on CPython. It blocks, for 7 s at most in each of its steps:
to connect, to send, to wait for the head, to read. So this is done before streaming, as a phase of its own, and the name is
looked up before that, in another one: a chip may ask for ten seconds and more (`.local` first, then each DNS server several times).
"""

import errno
import json

from plotpost import __version__, watchdog
from plotpost.port import const
from plotpost.stream import resolve

_TIMEOUT_S = const(7)
_ANSWER_BYTES = const(512)  # taken at once; a captive portal has more to say
_POINTS = const(10000)  # that the plot keeps of each trace
_GAP = const(0.08)  # between two subplots, as a part of the whole height
_UNRESERVED = const(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 section 2.3
_PERCENT = const(37)  # ord("%")
_HEX = const(b"0123456789ABCDEF")


class PlotError(Exception):
    """The plot was not created. The text is one line without any secret."""


def create(config, channels):
    """Create the plot, or find it with the data that it has; returns its URL. Raises PlotError.

    `config`: Settings with `plot` and `account`. `channels`: objects with `name`, `unit` and `token`, one trace each.
    """
    if not channels:
        raise PlotError("there is no channel to draw")
    secrets = [config.account[1]] + [channel.token for channel in channels]
    status, body = _post(config, _form(config, channels))
    try:
        answer = json.loads(body)
        problem = answer.get("error") or ("" if answer.get("url") else "the answer names no plot")
    except (ValueError, AttributeError):
        problem = "this is not a plot server: check endpoint in config.json"
    if problem or status != 200:
        refused = "refused" if status == 200 else f"refused ({status})"  # such servers tell a client's fault with status 200
        raise PlotError(_without(secrets, f"{config.endpoint} {refused}: {problem or 'no reason given'}"))
    return answer["url"]


def figure(channels):
    """Traces and layout: one subplot for each unit, stacked, over a common x axis."""
    units = []
    for channel in channels:
        if channel.unit not in units:
            units.append(channel.unit)
    traces = [_trace(channel, units.index(channel.unit)) for channel in channels]
    layout = {"xaxis": {"type": "date", "anchor": _axis("y", len(units) - 1)}}
    height = (1 + _GAP) / len(units) - _GAP
    for i, unit in enumerate(units):
        title = unit or ", ".join([channel.name for channel in channels if not channel.unit])
        top = 1 - i * (height + _GAP)
        layout[_axis("yaxis", i)] = {"title": {"text": title}, "domain": [max(top - height, 0), top]}
    return traces, layout


def _trace(channel, subplot):
    return {
        "x": [],
        "y": [],
        "type": "scatter",
        "mode": "lines",
        "name": channel.name,
        "yaxis": _axis("y", subplot),
        "stream": {"token": channel.token, "maxpoints": _POINTS},
    }


def _axis(name, i):
    """Plotly counts y, y2, y3 ..."""
    return name if i == 0 else f"{name}{i + 1}"


def _form(config, channels):
    traces, layout = figure(channels)
    layout["title"] = {"text": config.plot["title"]}
    # "extend" keeps the points that are there: a board that starts again must not wipe its plot
    kwargs = {"filename": config.plot["filename"], "fileopt": "extend", "layout": layout, "world_readable": True}
    user, key = config.account
    fields = (
        ("un", user),
        ("key", key),
        ("origin", "plot"),
        ("platform", "micropython"),
        ("version", __version__),
        ("args", traces),
        ("kwargs", kwargs),
    )
    form = bytearray()
    for name, value in fields:
        form.extend(b"%s%s=" % (b"&" if form else b"", name.encode()))
        _quote(value if isinstance(value, str) else json.dumps(value), form)
    return form


def _quote(text, form):
    """Append the text, percent-encoded UTF-8, to `form`: it is large, and there is no room for a second one."""
    for byte in text.encode():
        if byte in _UNRESERVED:
            form.append(byte)
        else:
            form.append(_PERCENT)
            form.append(_HEX[byte >> 4])
            form.append(_HEX[byte & 15])


def _post(config, form):
    """Status and body of the answer."""
    try:
        import requests
    except ImportError:
        raise PlotError("the module requests is missing: mpremote mip install requests, or pip install requests") from None
    address = resolve(config.host, config.port)
    if address is None:
        raise PlotError(f"no host is known as {config.host}: check endpoint in config.json, and the network's DNS")
    host = address[0] if isinstance(address, tuple) else config.host  # MicroPython's unix port gives bytes that only it reads
    url = f"http://{host}:{config.port}{config.path.rstrip('/')}/clientresp"
    headers = {
        "Host": f"{config.host}:{config.port}",  # micropython-lib leaves the port out, and with it the plot's URL would lack it
        "Content-Type": "application/x-www-form-urlencoded",
    }
    response = None
    try:
        with watchdog.phase("rest"):
            response = requests.post(url, data=form, headers=headers, timeout=_TIMEOUT_S, stream=True)
            return response.status_code, response.raw.read(_ANSWER_BYTES)
    except (OSError, ValueError, NotImplementedError) as error:
        reason = errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)
        raise PlotError(f"cannot reach {config.endpoint} ({reason}): is the endpoint running there?") from None
    finally:
        if response is not None:
            response.close()


def _without(secrets, text):
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
