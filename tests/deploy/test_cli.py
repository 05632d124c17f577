"""`plotpost deploy` says in one line what is wrong with its arguments, before it touches a board."""

from pathlib import Path

import pytest

from tests import processes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "line 1, column 2: "),
        ("[]", "must be an object in {}"),
        ('{"sensors": []}', "sensors: names no driver, so that the agent would measure nothing"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, complaint: str) -> None:
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)
    done = processes.run(tmp_path, "deploy", "--port", "/dev/null", "--config", str(config))
    assert done.returncode == 1
    assert done.stderr.startswith(f"plotpost: {config}: {complaint}")
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_none_is_named(tmp_path: Path) -> None:
    done = processes.run(tmp_path, "deploy", "--port", str(tmp_path / "ttyACM0"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"plotpost: there is no port {tmp_path}/ttyACM0: plug the board in")
