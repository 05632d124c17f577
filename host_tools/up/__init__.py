"""From a bare board to a live plot, in one command that can be repeated: what is right already is left as it is."""

from host_tools.up.errors import UpError
from host_tools.up.find import Search
from host_tools.up.run import Listener, Person, Result, Wanted, up

__all__ = ["Listener", "Person", "Result", "Search", "UpError", "Wanted", "up"]
