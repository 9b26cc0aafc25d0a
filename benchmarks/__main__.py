"""Entry point of ``python -m benchmarks``; see :mod:`benchmarks.cli`."""

import time

import click

NEEDED = (
    "This part of the benchmarks needs more than the library does: pip install 'tabdiffuse[bench]'"
)
OURS = ("benchmarks", "tabdiffuse")


def main() -> None:
    """Run the command line; the wall time it shows contains the imports."""
    started = time.perf_counter()
    try:
        from benchmarks.cli import main as cli

        cli(obj=started, prog_name="python -m benchmarks")
    except ImportError as error:
        if (error.name or "").partition(".")[0] in OURS:
            raise
        raise SystemExit(click.style(f"{error} {NEEDED}", fg="red")) from error


if __name__ == "__main__":
    main()
