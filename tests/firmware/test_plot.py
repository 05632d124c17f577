"""The plot that the board creates: what goes over the wire, and what the answers mean."""

import _thread
import io
import json
import os
import socket
import sys

from plotpost import __version__, plot
from plotpost.config import parse

URL = "http://127.0.0.1:8050/~me/7"
KEY = "k3y-k3y-k3y"


class Requests:
    """Stands in for the package `requests` on CPython, where it may not be installed. MicroPython has the real one."""

    @staticmethod
    def post(url, data, headers, timeout, stream):
        import http.client

        host, _, path = url[len("http://") :].partition("/")
        connection = http.client.HTTPConnection(host, timeout=timeout)
        response = Requests()
        try:
            connection.request("POST", "/" + path, data, headers)
            answer = connection.getresponse()
            response.status_code, response.raw = answer.status, io.BytesIO(answer.read())
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()
        return response

    def close(self):
        pass


if sys.implementation.name != "micropython":
    sys.modules["requests"] = Requests


class Channel:
    def __init__(self, name, unit, token):
        self.name = name
        self.unit = unit
        self.token = token


CHANNELS = [
    Channel("cpu", "%", "abcdefghij"),
    Channel("temperature", "°C", "bcdefghijk"),
    Channel("humidity", "%", "cdefghijkl"),
    Channel("load1", "", "defghijklm"),
]


class Server:
    """Takes one connection in a thread of its own, keeps what was asked, and gives a fixed answer."""

    def __init__(self, answer):
        self._answer = answer
        self.request = b""
        self._socket, self.port = listening()
        _thread.start_new_thread(self._serve, ())

    def _serve(self):
        connection = self._socket.accept()[0]
        self._socket.close()
        while not complete(self.request):
            self.request += connection.recv(1000)
        connection.send(self._answer)
        connection.close()

    def head(self):
        return self.request.split(b"\r\n\r\n", 1)[0]

    def form(self):
        """The fields of the request's body."""
        fields = [field.split(b"=") for field in self.request.split(b"\r\n\r\n", 1)[1].split(b"&")]
        return {name.decode(): unquoted(value) for name, value in fields}


def listening():
    """A listening socket and its port. MicroPython has no getsockname(), so ports are tried."""
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        server = socket.socket()
        try:
            server.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            server.listen(1)
            return server, port
        except OSError:
            server.close()


def complete(request):
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return False
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return len(body) == lengths[0]


def unquoted(value):
    first, *parts = value.split(b"%")
    return b"".join([first] + [bytes([int(part[:2], 16)]) + part[2:] for part in parts]).decode()


def configured(port, **changes):
    config = {
        "version": 1,
        "board": "linux",
        "name": "cellar",
        "endpoint": f"http://127.0.0.1:{port}",
        "sensors": [{"driver": "cpu", "every": "1s", "channels": {"cpu": {"stream": "c1"}}}],
        "plot": {"filename": "cellar & co", "title": "Küche = 100 % + x"},
    }
    config.update(changes)
    return parse(config, {"version": 1, "tokens": {"c1": "abcdefghij"}, "account": {"user": "me", "api_key": KEY}})


def http(body, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n{body}".encode()


def created(**changes):
    """Create the plot with a server that agrees: the server, and the URL that came back."""
    server = Server(http(json.dumps({"url": URL, "error": "", "message": "", "warning": "", "filename": "cellar"})))
    return server, plot.create(configured(server.port, **changes), CHANNELS)


def refusal(answer):
    """What is said when a server answers this."""
    server = Server(answer)
    try:
        plot.create(configured(server.port), CHANNELS)
    except plot.PlotError as error:
        return str(error).replace(str(server.port), "PORT")
    raise AssertionError("accepted")


def test_the_url_of_the_plot_comes_back():
    assert created()[1] == URL


def test_the_request_is_a_form_in_dialect_v1_that_keeps_what_is_in_the_plot():
    server, _ = created()
    assert server.head().startswith(b"POST /clientresp HTTP/1.")
    form = server.form()
    assert json.loads(form.pop("args")) == plot.figure(CHANNELS)[0]
    kwargs = json.loads(form.pop("kwargs"))
    assert kwargs.pop("layout")["title"] == {"text": "Küche = 100 % + x"}
    assert kwargs == {"filename": "cellar & co", "fileopt": "extend", "world_readable": True}
    assert form == {"un": "me", "key": KEY, "origin": "plot", "platform": "micropython", "version": __version__}


def test_the_host_header_names_the_port_from_which_the_server_makes_the_url():
    server, _ = created()
    lines = [line.lower() for line in server.head().split(b"\r\n")]
    assert lines.count(b"host: 127.0.0.1:%d" % server.port) == 1
    assert lines.count(b"content-type: application/x-www-form-urlencoded") == 1


def test_an_endpoint_below_a_path_is_asked_below_that_path():
    server = Server(http(json.dumps({"url": URL})))
    plot.create(configured(server.port, endpoint=f"http://127.0.0.1:{server.port}/plots/"), CHANNELS)
    assert server.head().startswith(b"POST /plots/clientresp HTTP/1.")


def test_each_channel_is_a_trace_fed_by_its_token():
    traces, _ = plot.figure(CHANNELS)
    assert [trace["name"] for trace in traces] == ["cpu", "temperature", "humidity", "load1"]
    assert [trace["stream"]["token"] for trace in traces] == ["abcdefghij", "bcdefghijk", "cdefghijkl", "defghijklm"]
    for trace in traces:
        assert trace["x"] == [] == trace["y"]
        assert (trace["type"], trace["mode"]) == ("scatter", "lines")
        assert 1 <= trace["stream"]["maxpoints"] <= 200000


def test_each_unit_has_a_subplot_and_they_stand_one_above_the_other():
    traces, layout = plot.figure(CHANNELS)
    assert [trace["yaxis"] for trace in traces] == ["y", "y2", "y", "y3"]
    assert [layout[axis]["title"]["text"] for axis in ("yaxis", "yaxis2", "yaxis3")] == ["%", "°C", "load1"]
    assert sorted(layout) == ["xaxis", "yaxis", "yaxis2", "yaxis3"]
    assert layout["xaxis"] == {"type": "date", "anchor": "y3"}
    borders = []
    for axis in ("yaxis3", "yaxis2", "yaxis"):
        borders.extend(layout[axis]["domain"])
    assert borders == sorted(borders)
    assert abs(borders[0]) < 1e-5
    assert abs(borders[-1] - 1) < 1e-5
    heights = [borders[i + 1] - borders[i] for i in (0, 2, 4)]
    assert max(heights) - min(heights) < 1e-5


def test_one_unit_takes_the_whole_height():
    _, layout = plot.figure(CHANNELS[:1])
    assert layout["yaxis"]["domain"] == [0, 1]
    assert layout["xaxis"]["anchor"] == "y"


def test_the_servers_own_error_is_told_even_with_status_200():
    assert refusal(http(json.dumps({"url": "", "error": "Aw, snap! no such user", "message": ""}))) == (
        "http://127.0.0.1:PORT refused: Aw, snap! no such user"
    )
    assert refusal(http(json.dumps({"error": "wrong key"}), "401 Unauthorized")) == (
        "http://127.0.0.1:PORT refused (401): wrong key"
    )


def test_an_error_that_repeats_a_secret_is_told_without_it():
    line = refusal(http(json.dumps({"error": f"key {KEY} or token bcdefghijk is wrong"})))
    assert line == "http://127.0.0.1:PORT refused: key *** or token *** is wrong"


def test_an_answer_of_something_else_is_no_success():
    other = "this is not a plot server: check endpoint in config.json"
    assert refusal(http("<html>router</html>")) == f"http://127.0.0.1:PORT refused: {other}"
    assert refusal(http("[1]")) == f"http://127.0.0.1:PORT refused: {other}"
    assert refusal(http("gone", "404 Not Found")) == f"http://127.0.0.1:PORT refused (404): {other}"
    assert refusal(http("{}")) == "http://127.0.0.1:PORT refused: the answer names no plot"
    url = json.dumps({"url": URL})
    assert refusal(http(url, "503 Service Unavailable")) == "http://127.0.0.1:PORT refused (503): no reason given"


def test_a_server_that_is_not_there_or_says_nothing_is_told_with_the_remedy():
    remedy = "): is the endpoint running there?"
    server, port = listening()
    server.close()
    try:
        plot.create(configured(port), CHANNELS)
    except plot.PlotError as error:
        assert str(error) == f"cannot reach http://127.0.0.1:{port} (ECONNREFUSED{remedy}"
    else:
        raise AssertionError("accepted")
    for silent in (b"", b"SSH-2.0-OpenSSH_9.2\r\n"):
        line = refusal(silent)
        assert line.startswith("cannot reach http://127.0.0.1:PORT ("), line
        assert line.endswith(remedy), line


def test_a_name_that_nobody_knows_is_told_and_nothing_is_sent():
    try:
        plot.create(configured(80, endpoint="http://no-such-host.invalid"), CHANNELS)
    except plot.PlotError as error:
        assert str(error).startswith("no host is known as no-such-host.invalid: check endpoint in config.json")
    else:
        raise AssertionError("accepted")


def test_the_name_is_looked_up_in_a_phase_of_its_own_before_the_request_and_once():
    phases = []
    kept, plot.watchdog.phase = plot.watchdog.phase, lambda name: phases.append(name) or kept(name)
    try:
        created()
    finally:
        plot.watchdog.phase = kept
    assert phases == ["dns", "rest"]


def test_of_a_long_answer_no_more_than_the_beginning_is_read():
    assert refusal(http(json.dumps({"url": URL, "page": "x" * 600}))) == (
        "http://127.0.0.1:PORT refused: this is not a plot server: check endpoint in config.json"
    )


def test_without_channels_nothing_is_asked():
    try:
        plot.create(configured(1), [])
    except plot.PlotError as error:
        assert str(error) == "there is no channel to draw"
    else:
        raise AssertionError("accepted")


def test_without_requests_the_remedy_is_named():
    config, module, path = configured(1), sys.modules.get("requests"), sys.path[:]
    if sys.implementation.name == "micropython":
        sys.modules.pop("requests", None)
        sys.path[:] = []
    else:
        sys.modules["requests"] = None
    try:
        plot.create(config, CHANNELS)
    except plot.PlotError as error:
        assert str(error) == "the module requests is missing: mpremote mip install requests, or pip install requests"
    else:
        raise AssertionError("accepted")
    finally:
        sys.path[:] = path
        if module:
            sys.modules["requests"] = module
