"""docs/examples: each program runs as it stands against a real endpoint, and the plot holds what it promises."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from host_tools.child_endpoint import ChildEndpoint
from tests.clients import installed
from tests.plotly_client import PlotlyClient

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
TIMEOUT_S = 120
POINTS = 12


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlotlyClient]:
    folder = tmp_path_factory.mktemp("endpoint")
    with ChildEndpoint(folder / "data", 0, folder / "log", "--tls-self-signed", "--tls-port", "0") as endpoint:
        yield PlotlyClient(endpoint)


def environment(client: PlotlyClient, tokens: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(client.endpoint.data),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "firmware")]),
        "PLOTPOST_URL": client.endpoint.url,
        "PLOTPOST_USER": client.user.name,
        "PLOTPOST_KEY": client.key,
        "PLOTPOST_TOKENS": ",".join(client.token() for _ in range(tokens)),
        "PLOTPOST_TLS_PORT": str(urlsplit(client.endpoint.tls_url or "").port),
        "NODE_EXTRA_CA_CERTS": str(client.endpoint.data / "ca.pem"),
    }


def run(command: list[str], given: dict[str, str], folder: Path = EXAMPLES) -> str:
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(client: PlotlyClient, output: str) -> dict[str, Any]:
    """The figure of the plot whose address the program has printed."""
    [address] = re.findall(r"Watch it at (\S+)", output)
    return client.figure(urlsplit(address).path)


def run_python(client: PlotlyClient, name: str, tokens: int = 1, points: int = POINTS) -> tuple[str, dict[str, Any]]:
    output = run([sys.executable, name, str(points)], environment(client, tokens))
    return output, drawn(client, output)


@pytest.mark.parametrize(("name", "status"), [("raw_socket.py", "HTTP/1.1 200 OK"), ("http_client.py", "200")])
def test_a_stream_without_a_library_is_answered_with_200(client: PlotlyClient, name: str, status: str) -> None:
    output, figure = run_python(client, name)

    assert output.splitlines()[-1] == status
    [trace] = figure["data"]
    assert trace["x"] == list(range(POINTS))
    assert len(trace["y"]) == POINTS


def test_three_streams_feed_three_traces(client: PlotlyClient) -> None:
    _, figure = run_python(client, "multiple_traces.py", tokens=3)

    sine, cosine, both = (trace["y"] for trace in figure["data"])
    assert len(sine) == POINTS
    assert both == pytest.approx([a + b for a, b in zip(sine, cosine, strict=True)])


def test_every_point_has_its_text_and_colour(client: PlotlyClient) -> None:
    _, figure = run_python(client, "text_on_points.py", points=5)

    [trace] = figure["data"]
    dice = [[int(number) for number in text.split(" + ")] for text in trace["text"]]
    assert [sum(pair) for pair in dice] == trace["y"]
    assert trace["marker"]["color"] == ["crimson" if first == second else "steelblue" for first, second in dice]


def test_the_bubbles_end_in_2007_with_all_countries(client: PlotlyClient) -> None:
    _, figure = run_python(client, "bubbles.py")

    [trace] = figure["data"]
    germany = trace["text"].index("Germany")
    assert len(trace["text"]) == len(trace["x"]) == len(trace["marker"]["size"]) == 142
    assert trace["y"][germany] == 79.406
    assert figure["layout"]["title"]["text"].endswith("2007")


def test_the_pendulums_rods_are_replaced_and_its_trail_grows(client: PlotlyClient) -> None:
    _, figure = run_python(client, "double_pendulum.py", tokens=2, points=40)

    trail, rods = figure["data"]
    assert len(trail["x"]) == 40
    assert len(rods["x"]) == 3
    assert (rods["x"][2], rods["y"][2]) == (trail["x"][-1], trail["y"][-1])
    lengths = [(rods["x"][i] - rods["x"][i + 1]) ** 2 + (rods["y"][i] - rods["y"][i + 1]) ** 2 for i in (0, 1)]
    assert lengths == pytest.approx([1, 1])


@pytest.fixture(scope="module")
def node_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs for Node.js beside the packages that `npm install` would put there."""
    try:
        packages = installed.node()
    except installed.Missing as missing:
        pytest.skip(str(missing))
    wanted = json.loads((EXAMPLES / "node" / "package.json").read_text())["dependencies"]
    assert json.loads((packages / "package.json").read_text())["dependencies"] == wanted
    folder = tmp_path_factory.mktemp("examples") / "node"
    shutil.copytree(EXAMPLES / "node", folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    return folder


@pytest.mark.parametrize("name", ["signal.js", "pipe.js"])
def test_a_program_for_node_streams_all_its_points(client: PlotlyClient, node_examples: Path, name: str) -> None:
    output = run(["node", name, str(POINTS)], environment(client, 1), node_examples)

    [trace] = drawn(client, output)["data"]
    assert len(trace["x"]) == len(trace["y"]) == POINTS


def test_the_notebook_runs_from_top_to_bottom(client: PlotlyClient, tmp_path: Path) -> None:
    try:
        jupyter = installed.python("jupyter")
    except installed.Missing as missing:
        pytest.skip(str(missing))
    command = ["-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", str(tmp_path), "quickstart.ipynb"]
    run([str(jupyter), *command], environment(client, 1))

    cells = json.loads((tmp_path / "quickstart.ipynb").read_text())["cells"]
    [result] = [output for output in cells[-1]["outputs"] if output["output_type"] == "execute_result"]
    assert result["data"]["text/plain"][0].startswith("('Turned by a quarter', [1.0, 0.99")


@pytest.mark.parametrize(("wrong", "told"), [
    ({"PLOTPOST_TOKENS": ""}, "This example needs 1 in PLOTPOST_TOKENS; `plotpost token new` makes one"),
    ({"PLOTPOST_KEY": "aaaaaaaaaa"}, "there is no user with this name and API key"),
    ({"PLOTPOST_URL": "http://127.0.0.1:1"}, "No endpoint answers at http://127.0.0.1:1: <urlopen error [Errno 111]"),
    ({"PLOTPOST_URL": "127.0.0.1"}, "No endpoint answers at 127.0.0.1: unknown url type"),
], ids=["tokens", "key", "endpoint", "address"])  # fmt: skip
def test_an_example_that_lacks_something_says_what(client: PlotlyClient, wrong: dict[str, str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "raw_socket.py"],
        cwd=EXAMPLES,
        env=environment(client, 1) | wrong,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1
