"""What a board is to do, and what lets it in: config.json and secrets.json, asked for or read, checked, and put onto the board."""

from host_tools.provision.files import Provisioned, ProvisionError, masked, provision, read_back, unsent_bytes, wipe

__all__ = ["ProvisionError", "Provisioned", "masked", "provision", "read_back", "unsent_bytes", "wipe"]
