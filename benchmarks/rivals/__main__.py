"""Command line of the rivals: ``python -m benchmarks.rivals install|list``."""

import click

from benchmarks.rivals import environments
from benchmarks.rivals.catalogue import RIVALS, environments_of


@click.group()
def main() -> None:
    """Build the environments that the rivals run in."""


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...|all")
def install(names: tuple[str, ...]) -> None:
    """Build the environment of each NAME (a method or an environment), or of all."""
    wanted = dict.fromkeys(found for name in names for found in environments_of(name))
    failed = []
    for name in wanted:
        try:
            environments.install(name)
            click.echo(f"{name}: ready in {environments.root() / name}")
        except environments.RivalError as error:
            failed.append(name)
            error.show()
    if failed:
        raise SystemExit(f"Not installed: {', '.join(failed)}.")


@main.command("list")
def list_rivals() -> None:
    """List the methods, and whether their environment is there."""
    for name, rival in RIVALS.items():
        ready = environments.python(rival.environment).is_file()
        click.echo(f"{name}: environment {rival.environment}, {'ready' if ready else 'absent'}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.rivals")
