"""Whether an attached board can run the agent: it is the board that it is taken for, with memory enough, and a MicroPython new enough."""

from host_tools.boards import Board
from host_tools.device import DeviceError, Facts

_PSRAM_KIB = (
    1024  # the heap of a module with PSRAM, of which there are at least 2 MiB, is larger; without, the chip's RAM is the bound
)


class Unsuitable(DeviceError):
    """The agent cannot run there. The text is one line with the remedy."""


class Outdated(Unsuitable):
    """It could with a newer MicroPython."""


def check_firmware(facts: Facts, board: Board) -> None:
    """Raises Unsuitable when this MicroPython is another board's, and Outdated when it is too old."""
    if board.port != facts.platform:
        raise Unsuitable(
            f"{board.name} runs MicroPython's port {board.port}, but what is attached is {facts.machine or facts.platform}: "
            "name the right one with --board; `plotpost boards` lists them"
        )
    if (oldest := board.firmware.outdated(facts.version) if board.firmware else None) is not None:
        raise Outdated(
            f"MicroPython {facts.release} on this {board.product} is too old: before {oldest.release} {oldest.why}; "
            f"put {oldest.release} or newer on it: plotpost flash --board {board.name}"
        )


def check_memory(facts: Facts, board: Board) -> None:
    """Raises Unsuitable when the board needs a module with PSRAM, and this one has none."""
    if board.needs_psram and facts.heap_kib < _PSRAM_KIB:
        raise Unsuitable(
            f"this {board.product} has {facts.heap_kib} KiB for MicroPython, no PSRAM: agent and radio do not fit into it; take a module "
            f"with PSRAM (its name ends in R2, or is WROVER), or another board"
        )
