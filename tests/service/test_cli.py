"""The command line as a person calls it: real data directories, exit statuses, one line for an error."""

import json
import subprocess
import sys

import pytest

from indexes.database import Database
from service.cli import run
from service.keys import Keys


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("BRANDWARDEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("BRANDWARDEN_DATABASE_URL", raising=False)
    return tmp_path / "data"


def called(capsys, *arguments, status=0):
    assert run(arguments) == status
    return capsys.readouterr()


def called_json(capsys, *arguments, status=0):
    return json.loads(called(capsys, *arguments, "--json", status=status).out)


def test_help_names_every_command_and_the_exit_statuses(capsys):
    shown = called(capsys, "--help").out
    for command in ("serve", "keys", "brands", "demo"):
        assert command in shown
    assert "Exit status" in shown


def test_an_unknown_command_is_wrong_usage(capsys):
    assert "No such command" in called(capsys, "nonsense", status=2).err


def test_a_brand_that_was_made_is_listed(capsys):
    made = called_json(capsys, "brands", "create", "Acme", "--email", "ip@acme.example")
    listed = called_json(capsys, "brands", "list")
    assert made["id"].startswith("brd_")
    assert listed == [{**made, "photos": 0, "logos": 0}]
    assert listed[0]["status"] == "verified"


def test_a_brand_key_is_made_by_the_brands_name_and_opens_the_door(capsys, data_dir):
    brand = called_json(capsys, "brands", "create", "Acme")
    key = called_json(capsys, "keys", "create", "brand", "--brand", "acme", "--name", "shop")
    database = Database(f"sqlite:///{data_dir / 'brandwarden.db'}")
    assert Keys(database).find(key["key"]).brand_id == brand["id"]
    database.close()
    assert key["key"] not in json.dumps(called_json(capsys, "keys", "list"))


def test_the_secret_alone_is_on_standard_output(capsys):
    shown = called(capsys, "keys", "create", "reviewer")
    assert shown.out.startswith("bw_reviewer_")
    assert len(shown.out.split()) == 1
    assert "shown this once" in shown.err


def test_an_ingest_key_is_for_the_default_marketplace(capsys):
    assert called_json(capsys, "keys", "create", "ingest")["marketplace"] == "default"


def test_a_deleted_key_is_gone(capsys):
    key = called_json(capsys, "keys", "create", "operator")
    called(capsys, "keys", "delete", key["id"])
    assert called_json(capsys, "keys", "list") == []
    assert called(capsys, "keys", "delete", key["id"], status=3).err == f"brandwarden: There is no key {key['id']}.\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("keys", "create", "emperor"), "role"),
        (("keys", "create", "brand"), "names its brand"),
        (("keys", "create", "brand", "--brand", "Nobody"), "no brand"),
        (("brands", "create", "Acme", "--status", "famous"), "verified"),
    ],
)
def test_wrong_usage_is_one_line(capsys, arguments, word):
    complaint = called(capsys, *arguments, status=2).err
    assert word in complaint
    assert complaint.count("\n") == 1


def test_a_wrong_setting_is_named(capsys, monkeypatch):
    monkeypatch.setenv("BRANDWARDEN_PORT", "eighty")
    assert "BRANDWARDEN_PORT" in called(capsys, "brands", "list", status=2).err


@pytest.mark.parametrize(
    ("name", "value"), [("CLEAN_DAYS", "-1"), ("DESCRIPTIONS_MAX_BYTES", "-5"), ("QUEUE_WAIT", "nan"), ("PORT", "-80")]
)
def test_no_number_is_less_than_nothing(capsys, monkeypatch, name, value):
    """Of -1 days somebody may hope that nothing is ever erased; everything would be, at once."""
    monkeypatch.setenv(f"BRANDWARDEN_{name}", value)
    complaint = called(capsys, "brands", "list", status=2).err
    assert f"BRANDWARDEN_{name}='{value}'" in complaint
    assert complaint.count("\n") == 1


def test_a_data_directory_that_cannot_be_made_is_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    complaint = called(capsys, "brands", "list", "--data-dir", str(tmp_path / "file" / "data"), status=3).err
    assert complaint.startswith("brandwarden: ")
    assert "Traceback" not in complaint


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "service", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:11]) == (0, "brandwarden")
