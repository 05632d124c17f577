"""The endpoint's first user, who owns what is made on the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_tools.endpoint.store import Store, User

FIRST_USER = "me"


@contextmanager
def opened(data: Path) -> Iterator[Store]:
    """The store in a data folder, also while an endpoint uses it. Raises StoreError."""
    store = Store.open(data)
    try:
        yield store
    finally:
        store.close()


def owner(store: Store) -> tuple[User, str | None]:
    """The first user; made on first use, and then with the API key, which cannot be shown again."""
    if users := store.users():
        return users[0], None
    key = store.create_user(FIRST_USER)
    return store.users()[0], key
