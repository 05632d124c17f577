"""The command `plotpost`: its groups, and the one place where errors become a line and an exit status."""

import importlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click
from plotpost.config import ConfigError

from host_tools import output
from host_tools.device import DeviceError
from host_tools.endpoint.errors import EndpointError, Refusal
from host_tools.runtime.errors import RuntimeMissing

_DETAILS = "PLOTPOST_DEBUG"  # environment: show the traceback of an unexpected error


_COMMANDS = (
    "up",
    "boards",
    "ports",
    "flash",
    "deploy",
    "provision",
    "monitor",
    "doctor",
    "bridge",
    "serve",
    "demo",
    "simulate",
    "agent",
    "plot",
    "token",
    "user",
)


class _Commands(click.Group):
    """Each command is a module of this package; one is imported when it is used, so that the others cost no time."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"host_tools.cli.{name}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="plotpost")
def commands() -> None:
    """Draw what sensors measure, live: boards send readings, the endpoint keeps and plots them.

    \b
    Start here:
      plotpost demo          this machine's load, memory and temperature in a live plot
      plotpost serve         the endpoint that boards send to and browsers look at
      plotpost COMMAND -h    what a command does, with an example
    """


def main() -> NoReturn:
    """Runs a command and exits: 0 it worked, 1 it did not, 2 it was called in a wrong way."""
    signal.signal(signal.SIGTERM, _interrupt)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # nohup has it ignored
        signal.signal(signal.SIGHUP, _interrupt)
    output.prepare()
    sys.exit(_run())


def _run() -> int:
    try:
        return commands.main(standalone_mode=False) or 0
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        output.error(error.format_message())
    except click.Abort as abort:
        if abort.__cause__ is None:  # at a prompt, whose line has no end yet; elsewhere click ends it
            output.note("")
    except KeyboardInterrupt:
        pass
    except (ConfigError, DeviceError, EndpointError, RuntimeMissing) as error:
        output.error(str(error))
    except Refusal as refusal:  # what the endpoint would say to a request, too
        output.error(refusal.message)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say nothing at exit either
    except OSError as error:
        output.error(f"{error.filename or 'the system'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get(_DETAILS):
            raise
        output.error(f"unexpected {type(error).__name__}: this is a bug; run it again with {_DETAILS}=1 to see where")
    return 1


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """An end that is asked for by SIGTERM, or a terminal that is closed, is as clean as one by Ctrl-C: the agent on a board goes on."""
    raise KeyboardInterrupt
