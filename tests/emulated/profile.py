"""Where a board's cycles went: `python3 -m tests.emulated.profile BOARD FILE` shows the samples that {"profile": FILE} wrote."""

import bisect
import json
import sys
from collections import Counter
from pathlib import Path

from tests.emulated.firmware import BOARDS, firmware
from tests.emulated.firmware.rp2 import SYMBOLS

_BOOT_ROM_BYTES = 0x4000
_SHOWN = 25


def shares(samples: dict[str, int], symbols: str) -> list[tuple[str, float]]:
    """The functions of the firmware with their share of all samples, largest first. `symbols` is the output of nm."""
    fields = (line.split() for line in symbols.splitlines())
    code = sorted((int(entry[0], 16) & ~1, entry[2]) for entry in fields if len(entry) == 3 and entry[1] in "tTwW")
    starts = [start for start, _ in code]
    counts: Counter[str] = Counter()
    for address, count in samples.items():
        at = int(address)
        counts["boot ROM" if at < _BOOT_ROM_BYTES else code[bisect.bisect(starts, at) - 1][1]] += count
    return [(name, count / counts.total()) for name, count in counts.most_common()]


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 2 wrong usage."""
    if len(arguments) != 2 or arguments[0] not in BOARDS:
        print(f"usage: python3 -m tests.emulated.profile {{{','.join(BOARDS)}}} FILE", file=sys.stderr)
        return 2
    symbols = firmware(arguments[0]).with_name(SYMBOLS).read_text()
    for name, share in shares(json.loads(Path(arguments[1]).read_text()), symbols)[:_SHOWN]:
        print(f"{share:6.1%} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
