"""Functions that the faulty files name; nothing runs them."""

raise RuntimeError("lint must not run this")


def nothing(): ...


def two(frame, plans): ...


def rows(day): ...
