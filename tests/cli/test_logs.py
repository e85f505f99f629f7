"""How lines are logged, and what is left out of them."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterator

import pytest

from backend.cli.logs import log_config
from backend.config import load_settings

SECRET = "samovar"
Lines = Callable[..., str]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged by a function under settings; the tests' own logging is put back after."""
    root = logging.getLogger()
    handlers, at = root.handlers[:], root.level
    known = {name: logging.getLogger(name).level for name in ("uvicorn", "asyncio", "websockets")}

    def logged(log: Callable[[logging.Logger], None], **settings: str) -> str:
        config = log_config(load_settings(env_file=None, **settings))
        logging.config.dictConfig(config)
        stream = io.StringIO()
        for handler in root.handlers:
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(stream)
        log(logging.getLogger("conversa.test"))
        return stream.getvalue()

    yield logged
    root.handlers[:], root.level = handlers, at
    for name, level in known.items():
        logging.getLogger(name).setLevel(level)


def fails(logger: logging.Logger) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"{SECRET}?") from error
    except ValueError:
        logger.exception("it failed")


def fails_together(logger: logging.Logger) -> None:
    try:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), TypeError(SECRET)])
    except ExceptionGroup:
        logger.exception("they failed")


def tells(logger: logging.Logger) -> None:
    logger.info("request", extra={"fields": {"status": 200, "operation": 'a "b" c\n', "cost": 3}})


def test_fields_stand_behind_the_message(lines: Lines) -> None:
    text = lines(tells)
    assert re.fullmatch(
        r"\d{4}-\S+ \S+ INFO +conversa\.test request status=200 "
        r'operation="a \\"b\\" c\\n" cost=3\n',
        text,
    )


def test_each_record_is_an_object(lines: Lines) -> None:
    told = json.loads(lines(tells, log_format="json"))
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "logger": "conversa.test",
        "message": "request",
        "status": 200,
        "operation": 'a "b" c\n',
        "cost": 3,
    }


@pytest.mark.parametrize("form", ["plain", "json"])
@pytest.mark.parametrize("fail", [fails, fails_together])
def test_an_exception_says_where_and_of_which_kind(
    lines: Lines, form: str, fail: Callable[[logging.Logger], None]
) -> None:
    text = lines(fail, log_format=form)
    assert SECRET not in text
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert fail.__name__ in text


def test_what_led_to_it_comes_first(lines: Lines) -> None:
    text = lines(fails)
    assert text.index("builtins.KeyError") < text.index("which led to")
    assert text.index("which led to") < text.index("builtins.ValueError")


def test_when_debugging_it_says_what(lines: Lines) -> None:
    assert f"ValueError: {SECRET}?" in lines(fails, log_level="debug")
