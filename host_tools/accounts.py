"""Whose what is made on the command line is: the endpoint's first user's, unless another is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_tools.endpoint.store import FIRST_USER, Store, StoreError, User


@contextmanager
def opened(data: Path) -> Iterator[Store]:
    """The store in a data folder, also while an endpoint uses it. Raises StoreError."""
    store = Store.open(data)
    try:
        yield store
    finally:
        store.close()


def owner(store: Store, name: str | None = None) -> tuple[User, str | None]:
    """The named user, or the first; that one is made on first use, and then with the API key, which cannot be shown again.

    Raises StoreError when there is no user of that name.
    """
    if name is not None:
        return named(store, name), None
    if first := store.first_user():
        return first, None
    key = store.create_user(FIRST_USER)
    return named(store, FIRST_USER), key


def named(store: Store, name: str) -> User:
    """Raises StoreError when there is no user of that name."""
    user = store.user(name)
    if user is None:
        raise StoreError(f"there is no user {name[:64]!r}: see 'plotpost user list', or make one with 'plotpost user add'")
    return user
