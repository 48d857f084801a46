"""The command line."""

import re

import pytest

from serving.model_server.flags import channel_arguments, check, parser
from serving.model_server.status import StatusError


def parse(*arguments):
    return parser().parse_args(arguments)


def test_tensorflow_servings_defaults():
    options = parse()
    assert (options.port, options.rest_api_port, options.model_name) == (8500, 0, "default")
    assert (options.file_system_poll_wait_seconds, options.max_num_load_retries) == (1, 5)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching", "false"], False),
        ([], False),
    ],
)
def test_switches(arguments, value):
    assert parse(*arguments).enable_batching is value


def test_the_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        parse("--version")
    assert re.match(r"TensorFlow ModelServer: \S+\s+TensorFlow Library: \d", capsys.readouterr().out)


def test_both_forms_of_a_value():
    assert parse("--port=1").port == parse("--port", "1").port == 1


@pytest.mark.parametrize(
    "arguments", [["--no_such_flag=1"], ["--port=x"], ["--enable_batching=maybe"], ["--model=m"]]
)
def test_anything_else_is_an_error(arguments, capsys):
    with pytest.raises(SystemExit):
        parse(*arguments)
    assert "usage" in capsys.readouterr().err


def test_a_flag_without_effect_is_said(caplog):
    check(parse("--model_base_path=/m", "--num_load_threads=2"))
    assert "--num_load_threads has no effect" in caplog.text


def test_files_must_exist():
    with pytest.raises(StatusError, match=r"NOT_FOUND: --ssl_config_file: /nowhere: No such file"):
        check(parse("--model_base_path=/m", "--ssl_config_file=/nowhere"))


def test_channel_arguments():
    assert channel_arguments("a=1,b=x,c=-2,junk") == [("a", 1), ("b", "x"), ("c", -2)]
    assert channel_arguments("") == []
