"""The agent runs from a ROMFS image that mpremote makes by the commands of docs/deploy.md."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from host_tools.runtime import Runtime

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "deploy.md"
MOUNT = """\
import sys, vfs
with open("plotpost.romfs", "rb") as file:
    vfs.mount(vfs.VfsRom(file.read()), "/rom")
sys.path.insert(0, "/rom")
from plotpost import agent
print(agent)
"""


def _commands() -> list[str]:
    """The lines of the page that make the image."""
    [block] = re.findall(r"^```sh\n(mkdir -p build/romfs\n.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [line for line in block.splitlines() if "connect" not in line]


def test_the_agent_runs_from_an_image(runtime: Runtime, tmp_path: Path) -> None:
    lines = [
        line.replace("build/", f"{tmp_path}/").replace("mpremote", f"{shlex.quote(sys.executable)} -m mpremote")
        for line in _commands()
    ]
    subprocess.run(["sh", "-euc", "\n".join(lines)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(runtime.command("-c", MOUNT), cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "<module 'plotpost.agent' from '/rom/plotpost/agent.mpy'>\n", done.stderr
