"""Whose what is made on the command line is: the endpoint's first user's, unless another is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_tools.endpoint.store import FILENAME, FIRST_USER, Store, StoreError, User


@contextmanager
def opened(data: Path) -> Iterator[Store]:
    """The store in a data folder, also while an endpoint uses it; both are made when missing. Raises StoreError."""
    store = Store.open(data)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def existing(data: Path) -> Iterator[Store]:
    """The same, for what has no use in a new folder. Raises StoreError where there is none."""
    if not (data / FILENAME).exists():
        raise StoreError(f"no endpoint keeps its data in {data}: choose the folder of yours with --data")
    with opened(data) as store:
        yield store


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


def told(store: Store, user: User | None = None, key: str | None = None) -> list[str]:
    """What a person must know of what was made on the way: the first user, with the key, and a data folder of its own."""
    lines = [f"Created user {user.name}. API key: {key} (shown only once)"] if user and key else []
    if store.is_new:
        lines.append(f"The data folder {store.path.parent} is new: an endpoint that uses another one knows nothing of this.")
    return lines
