"""Makes docs/live-plot.png, the README's picture: a photograph of a running demo's page, taken with Chromium.

python docs/make_picture.py [--after SECONDS]
"""

import argparse
import re
import socket
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("live-plot.png")
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
ADDRESS = re.compile(r"https?://\S+/~\w+/\d+")
WIDTH, HEIGHT = 960, 620


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page_address(demo: "subprocess.Popen[str]") -> str:
    """The first plot address that the demo prints. Raises SystemExit when it ends without one."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if match := ADDRESS.search(line):
            return match[0]
    raise SystemExit(f"plotpost demo ended with status {demo.wait()} and named no plot; run it by hand to see why")


def photograph(address: str, seconds: float) -> None:
    """Look at the page for a while, then save what it shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce")
        page.goto(address)
        page.locator(".state[data-state=live]").wait_for()
        page.wait_for_timeout(seconds * 1000)
        page.screenshot(path=PICTURE)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the README's picture from a running demo.")
    parser.add_argument("--after", type=float, default=45, metavar="SECONDS", help="how long the demo streams first (45)")
    seconds = parser.parse_args().after
    command = [sys.executable, "-m", "host_tools.cli", "demo", "--port", str(free_port()), "--for", str(int(seconds) + 60)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            photograph(page_address(demo), seconds)
        finally:
            demo.terminate()
    print(f"{PICTURE} is new: {PICTURE.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
