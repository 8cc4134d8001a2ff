"""The configuration of a fit: what is taken, and what is refused by name."""

from __future__ import annotations

import pytest

from training.fit.config import LITE, Config, ConfigError, parse_config, read_config


def test_the_shipped_configuration_is_read():
    config = read_config(LITE)
    assert config.steps > 0
    assert parse_config({}) == Config()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"stepz": 3}, "stepz"),
        ({"rates": {"trunc": 1.0}}, "rates.trunc"),
        ({"batch": {"photos": "many"}}, "batch.photos"),
        ({"batch": 3}, "table"),
        ({"steps": 0}, "steps"),
        ({"steps": True}, "steps"),
        ({"batch": {"tile": 100}}, "multiples of 32"),
        ({"losses": {"photo_temperature": 0}}, "temperatures"),
        ({"rates": {"heads": -1.0}}, "heads"),
    ],
)
def test_what_is_wrong_is_named(content, words):
    with pytest.raises(ConfigError, match=words):
        parse_config(content)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        read_config(tmp_path / "bad.toml")
