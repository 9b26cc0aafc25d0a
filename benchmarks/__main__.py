"""Entry point of ``python -m benchmarks``; see :mod:`benchmarks.cli`."""

import time

import click

NEEDED = "The benchmarks need more than the library does: pip install 'tabdiffuse[bench]'"


def main() -> None:
    """Run the command line; the wall time it shows contains the imports."""
    started = time.perf_counter()
    try:
        from benchmarks.cli import main as cli
    except ModuleNotFoundError as error:
        raise SystemExit(click.style(f"{error}. {NEEDED}", fg="red")) from error
    cli(obj=started, prog_name="python -m benchmarks")


if __name__ == "__main__":
    main()
