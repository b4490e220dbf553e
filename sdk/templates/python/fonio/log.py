"""The step's log. What is printed goes there too, as `info`."""

from wit_world.imports import log as wit


def debug(message: str) -> None:
    wit.write(wit.Level.DEBUG, message)


def info(message: str) -> None:
    wit.write(wit.Level.INFO, message)


def warn(message: str) -> None:
    wit.write(wit.Level.WARN, message)


def error(message: str) -> None:
    wit.write(wit.Level.ERROR, message)
