"""How to let boards through this machine's firewall, in the words of the one that it has."""

import shutil
import sys
from pathlib import Path

_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not in everybody's PATH


def remedy(port: int, system: str = sys.platform) -> str:
    """What to do so that a TCP port of this machine can be reached from its network."""
    if system == "darwin":
        return "System Settings, Network, Firewall, Options: let Python take incoming connections"
    if system == "win32":
        return (
            "as administrator run `netsh advfirewall firewall add rule name=plotpost dir=in action=allow protocol=TCP"
            f" localport={port}`"
        )
    if _has("ufw"):
        return f"run `sudo ufw allow {port}/tcp`"
    if _has("firewall-cmd"):
        return f"run `sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload`"
    return f"let TCP port {port} in (`sudo nft list ruleset` shows who keeps it out)"


def _has(program: str) -> bool:
    return shutil.which(program) is not None or any((Path(folder) / program).exists() for folder in _SBIN)
