"""The command `brandwarden`: names the subcommands and turns what goes wrong into one line and an exit status.

Place in the flow: the outermost layer for a person at a terminal, as `service.app` is for HTTP. Each subcommand has a
module in `service.commands`; nothing is done here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import typer

from service.commands import brands, keys
from service.commands.backup import backup_command, restore_command
from service.commands.check import check_command
from service.commands.demo import demo_command
from service.commands.exports import export_command
from service.commands.imports import import_command
from service.commands.nulls import nulls_command
from service.commands.packets import verify_command
from service.commands.scan import scan_command
from service.commands.serve import serve_command
from service.commands.statements import statements_command
from service.commands.status import rebuild_command, status_command
from service.commands.terminal import EXIT_CODES, EXIT_FAILED, CommandFailed
from service.errors import ServiceError
from service.settings import SettingsError

app: Final = typer.Typer(
    help="Finds stolen product photos and brand logos in marketplace listings.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve", epilog=EXIT_CODES)(serve_command)
app.add_typer(keys.app, name="keys")
app.add_typer(brands.app, name="brands")
app.command("import", epilog=EXIT_CODES)(import_command)
app.command("check", epilog=EXIT_CODES)(check_command)
app.command("scan", epilog=EXIT_CODES)(scan_command)
app.command("status", epilog=EXIT_CODES)(status_command)
app.command("rebuild", epilog=EXIT_CODES)(rebuild_command)
app.command("nulls", epilog=EXIT_CODES)(nulls_command)
app.command("verify-packet", epilog=EXIT_CODES)(verify_command)
app.command("backup", epilog=EXIT_CODES)(backup_command)
app.command("restore", epilog=EXIT_CODES)(restore_command)
app.command("export-verdicts", epilog=EXIT_CODES)(export_command)
app.command("statements", epilog=EXIT_CODES)(statements_command)
app.command("demo", epilog=EXIT_CODES)(demo_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"brandwarden {version('brandwarden')}")
        except PackageNotFoundError:
            typer.echo("brandwarden (not installed)")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Finds stolen product photos and brand logos in marketplace listings."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. What goes wrong is one line on standard error."""
    try:
        app(args=list(arguments), prog_name="brandwarden")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    except CommandFailed as error:
        return _complain(str(error), error.code)
    except SettingsError as error:
        return _complain(str(error), 2)
    except ServiceError as error:
        return _complain(error.detail, EXIT_FAILED)
    except Exception as error:  # noqa: BLE001  # the last line: a person gets the reason, not a traceback
        return _complain(f"{type(error).__name__}: {error}" if not str(error) else str(error), EXIT_FAILED)
    return 0


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def _complain(message: str, status: int) -> int:
    typer.echo(f"brandwarden: {' '.join(message.split()) if status != EXIT_FAILED else message}", err=True)
    return status
