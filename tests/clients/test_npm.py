"""npm's plotly 1.0.6 and hyperquest, as published: plots over TLS, streams over plain HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from tests.clients import installed
from tests.clients.conftest import execute, find
from tests.plotly_client import PlotlyClient

# plotly always deletes at api.plot.ly: the script resolves that name to this machine, as a line in /etc/hosts would.
SIGN_IN = """
const dns = require("dns"), lookup = dns.lookup;
dns.lookup = (name, ...rest) => lookup(name === "api.plot.ly" ? "127.0.0.1" : name, ...rest);
const told = JSON.parse(process.env.PLOT);
const plotly = require("plotly")({ username: told.user, apiKey: told.key, host: "localhost", port: told.tls_port });
const give = (value) => console.log(JSON.stringify(value));
const done = (then) => (error, value) => (error ? give({ error: String(error.message || error), ...error }) : then(value));
"""

Run = Callable[..., Any]


@pytest.fixture
def run(account: dict[str, Any], authority: trustme.CA, tmp_path: Path) -> Run:
    """Runs what a user would write; gives what the script passes to give(). Node trusts the endpoint's authority, and no other."""
    folder = find("npm", installed.node)
    certificate = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(certificate)

    def run(script: str, **more: Any) -> Any:
        return execute(["node", "-"], SIGN_IN + script, account | more, folder, NODE_EXTRA_CA_CERTS=str(certificate))

    return run


def test_a_plot_is_made_and_its_figure_read(run: Run) -> None:
    told = run("""
const trace = { x: [1, 2], y: [3, 4], name: "50 % & more = a+b °C" };
plotly.plot(trace, { filename: "npm", fileopt: "overwrite", layout: { title: "a & b" } }, done((made) => {
  const [user, fid] = made.url.split("~")[1].split("/");
  plotly.getFigure(user, fid, done((figure) => give({ made, figure })));
}));
""")

    assert told["made"]["error"] == ""
    assert told["made"]["filename"] == "npm"
    assert told["figure"] == {
        "data": [{"x": [1, 2], "y": [3, 4], "name": "50 % & more = a+b °C"}],
        "layout": {"title": "a & b"},
    }


def test_a_stream_follows_its_plot(run: Run, client: PlotlyClient) -> None:
    told = run(
        """
const trace = { x: [], y: [], type: "scatter", stream: { token: told.token, maxpoints: 200 } };
plotly.plot([trace], { filename: "npm stream", fileopt: "overwrite" }, done((made) => {
  const stream = plotly.stream({ token: told.token, port: told.port }, done((end) => give({ made, end })));
  for (let n = 0; n < 50; n++) stream.write(JSON.stringify({ x: n, y: n * n }) + "\\n");
  stream.end();
}));
""",
        token=client.token(),
    )

    assert told["made"]["streamstatus"] == "All Streams Go!"
    assert told["end"]["statusCode"] == 200
    [trace] = client.figure(urlsplit(told["made"]["url"]).path)["data"]
    assert trace["y"] == [n * n for n in range(50)]


def test_a_stream_with_a_strangers_token_is_told_so(run: Run) -> None:
    told = run("""
const stream = plotly.stream({ token: "notmytoken", streamHost: "localhost", port: told.port }, done(give));
stream.write('{"x": 1, "y": 1}\\n');
""")

    assert told["statusCode"] == 404


def test_hyperquest_pipes_lines_whose_characters_are_torn_apart(run: Run, client: PlotlyClient) -> None:
    """A source knows nothing of lines: its blocks end anywhere, in the middle of a character too."""
    told = run(
        """
const hyperquest = require("hyperquest"), { Readable } = require("stream");
const trace = { x: [], y: [], text: [], stream: { token: told.token, maxpoints: 100 } };
plotly.plot([trace], { filename: "hyperquest", fileopt: "overwrite" }, done((made) => {
  const lines = Array.from({ length: 20 }, (_, n) => JSON.stringify({ x: n, y: n, text: `${n} °C` }) + "\\n").join("");
  const bytes = Buffer.from(lines);
  const blocks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, n) => bytes.subarray(7 * n, 7 * n + 7));
  const headers = { "plotly-streamtoken": told.token };
  const request = hyperquest({ method: "POST", uri: `http://localhost:${told.port}/`, headers });
  request.on("response", (response) => give({ made, status: response.statusCode }));
  Readable.from(blocks).pipe(request);
}));
""",
        token=client.token(),
    )

    assert told["status"] == 200
    [trace] = client.figure(urlsplit(told["made"]["url"]).path)["data"]
    assert trace["text"] == [f"{n} °C" for n in range(20)]


@pytest.mark.parametrize("title", ["plain", "25 °C, schön & 50 %"])
def test_a_picture_is_drawn_although_its_request_ends_too_early(run: Run, chromium_program: str, title: str) -> None:
    """plotly counts characters where HTTP counts bytes, so every ° costs the end of the request a byte."""
    told = run(
        """
const figure = { data: [{ y: [1, 3, 2] }], layout: { title: told.title } };
plotly.getImage(figure, { format: "png", width: 300, height: 200 }, done((picture) => {
  const blocks = [];
  picture.on("data", (block) => blocks.push(block));
  picture.on("end", () => give({ start: Buffer.concat(blocks).subarray(0, 24).toString("hex") }));
}));
""",
        title=title,
    )

    assert told["start"].startswith("89504e470d0a1a0a")
    assert int(told["start"][32:40], 16) == 300


def test_a_plot_is_deleted_and_no_longer_found(run: Run, client: PlotlyClient) -> None:
    url = run("""
plotly.plot({ y: [1] }, { filename: "to delete" }, done((made) => {
  plotly.deletePlot(made.url.split("/").pop(), done(() => give(made.url)));
}));
""")

    assert client.get(urlsplit(url).path)[0].status == 404


@pytest.mark.parametrize("call", ["getFigure(told.user, 999, ", "plot({ y: [1] }, { fileopt: 'add' }, "])
def test_a_fault_reaches_the_callback(run: Run, call: str) -> None:
    told = run(f"plotly.{call}done(give));")

    assert told["error"].startswith(("there is no file me:999", "fileopt is 'add'"))
