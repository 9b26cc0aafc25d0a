"""Entry point of ``python -m benchmarks.scale``; see :mod:`benchmarks.scale.cli`."""

from benchmarks.scale.cli import main

if __name__ == "__main__":
    main(prog_name="python -m benchmarks.scale")
