"""Imports point down only, and the core stays free of what does not belong in it.

The rules are tables; a new module that no table knows fails, so that its place is decided rather
than found. The last tests run the same checks on small bad sources, which must be reported.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "tabdiffuse"

# Top to bottom. A unit imports from rows below its own, never from its own row or above.
LAYERS: list[set[str]] = [
    {"benchmarks"},
    {"tabdiffuse"},  # tabdiffuse/__init__.py: the list of public names
    {"tabdiffuse.estimators"},
    {"tabdiffuse.training", "tabdiffuse.sampling", "tabdiffuse.scoring"},
    {"tabdiffuse.denoiser"},
    {"tabdiffuse.joint"},
    {"tabdiffuse.modalities"},
    {"tabdiffuse.processes", "tabdiffuse.nn"},
    {"tabdiffuse.schedules", "tabdiffuse.times"},
    {"tabdiffuse.spaces", "tabdiffuse._random"},
    {"tabdiffuse.errors", "tabdiffuse._version"},
]
RANK = {unit: rank for rank, row in enumerate(LAYERS) for unit in row}

# Beside the layers: a unit, the units it may import, the units that may import it.
SIDE: dict[str, tuple[set[str], set[str]]] = {
    "tabdiffuse.tables": (
        {"tabdiffuse.errors"},
        {"tabdiffuse", "tabdiffuse.estimators", "tabdiffuse.metrics"},
    ),
    "tabdiffuse.metrics": ({"tabdiffuse.errors", "tabdiffuse.tables"}, {"tabdiffuse"}),
    "tabdiffuse.io": ({"tabdiffuse.errors"}, {"tabdiffuse.estimators"}),
}
UNITS = {*RANK, *SIDE}

# What benchmarks may import besides names of `tabdiffuse` itself.
PUBLIC = {"tabdiffuse.errors", "tabdiffuse.metrics"}

FRAMES_ALLOWED = {
    "benchmarks",
    "tabdiffuse.estimators",
    "tabdiffuse.metrics",
    "tabdiffuse.tables",
}
TORCH_FREE = {"tabdiffuse.tables", "tabdiffuse.metrics", "tabdiffuse.io", "tabdiffuse.errors"}
# Reads a TorchScript file that the user gives, and imports torch only then.
READS_TORCHSCRIPT = "tabdiffuse.metrics.images.network"
IO_SAFETENSORS = ("safetensors.numpy", "safetensors.SafetensorError")

MAY_SAY_IMAGE = {
    "benchmarks",
    "tabdiffuse",
    "tabdiffuse.estimators",
    "tabdiffuse.metrics",
    "tabdiffuse.tables",
}
IMAGE_MODULES = ("tabdiffuse.modalities.image", "tabdiffuse.modalities.discrete_image")
# A step back in time: a process or a joint process takes it, a solver advances by it. Whoever else
# calls either holds a loop of its own.
STEPS_BACK = ("reverse_step", "advance")
STEP_MAKERS = ("tabdiffuse.processes", "tabdiffuse.joint", "tabdiffuse.sampling.solvers")


def is_under(name: str, prefix: str) -> bool:
    """Tell whether dotted ``name`` is ``prefix`` or inside it."""
    return name == prefix or name.startswith(prefix + ".")


def unit_of(name: str) -> str | None:
    """Give the unit a dotted name belongs to; names of the root package belong to the root."""
    parts = name.split(".")
    if parts[0] == "benchmarks":
        return "benchmarks"
    if parts[0] != PACKAGE:
        return None
    unit = ".".join(parts[:2])
    return unit if unit in UNITS else PACKAGE


def imported_names(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Yield line and absolute dotted name of every import, also local, conditional and dynamic."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)
        elif isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
            argument = node.args[0] if node.args else None
            literal = argument.value if isinstance(argument, ast.Constant) else "<computed name>"
            yield node.lineno, str(literal)


def called_name(call: ast.Call) -> str | None:
    """Give the last part of what is called: ``c`` for ``a.b.c()``."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else None


def import_problem(unit: str, name: str) -> str | None:
    """Say what is wrong with ``unit`` importing ``name``, or None."""
    top = name.split(".")[0]
    if unit not in FRAMES_ALLOWED and top in {"pandas", "sklearn"}:
        return "the core imports neither pandas nor scikit-learn"
    if unit in TORCH_FREE and top == "torch":
        return "this part is torch-free"
    is_known = any(is_under(name, allowed) for allowed in IO_SAFETENSORS)
    if unit in TORCH_FREE and top == "safetensors" and not is_known:
        return "only safetensors.numpy is free of torch"
    if name == "<computed name>" and unit != PACKAGE:
        return "a computed import cannot be checked"
    target = unit_of(name)
    if target is None or target == unit:
        return None
    if unit == "benchmarks":
        return benchmark_problem(name, target)
    return direction_problem(unit, target)


def benchmark_problem(name: str, target: str) -> str | None:
    """Say what is wrong with the benchmarks importing ``name``, or None."""
    if target in PUBLIC or name == PACKAGE:
        return None
    is_top_level_name = target == PACKAGE and name.count(".") == 1
    if is_top_level_name and not name.split(".")[1].startswith("_"):
        return None
    return "benchmarks use the public API only"


def direction_problem(unit: str, target: str) -> str | None:
    """Say what is wrong with one unit importing another, or None."""
    if target in SIDE:
        return None if unit in SIDE[target][1] else f"only for {sorted(SIDE[target][1])}"
    if unit in SIDE:
        return None if target in SIDE[unit][0] else f"may import only {sorted(SIDE[unit][0])}"
    if RANK[unit] == RANK[target]:
        return "siblings do not import each other"
    return "the import points up" if RANK[unit] > RANK[target] else None


def import_violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Check every import of one module's source."""
    unit = unit_of(module)
    if unit is None or (unit == PACKAGE and module != PACKAGE):
        return [f"{module}: belongs to no layer"]
    names = imported_names(ast.parse(source), module, is_package=is_package)
    if module == READS_TORCHSCRIPT:
        names = ((line, name) for line, name in names if name != "torch")
    found = ((line, name, import_problem(unit, name)) for line, name in names)
    return [f"{module}:{line}: imports {name}: {why}" for line, name, why in found if why]


def image_violations(source: str, module: str) -> list[str]:
    """Find identifiers that name pictures where any modality is meant."""
    if unit_of(module) in MAY_SAY_IMAGE or module in IMAGE_MODULES:
        return []
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [
        f"{module}:{token.start[0]}: identifier {token.string!r}"
        for token in tokens
        if token.type == tokenize.NAME and "image" in token.string.lower()
    ]


def modules_calling(sources: dict[str, str], name: str) -> list[str]:
    """Give the module of every call of ``name``, once for each call."""
    return [
        module
        for module, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and called_name(node) == name
    ]


def reverse_loops(sources: dict[str, str]) -> list[str]:
    """Give the module of every step back in time taken outside the modules that make steps."""
    return [
        module
        for name in STEPS_BACK
        for module in modules_calling(sources, name)
        if not any(is_under(module, maker) for maker in STEP_MAKERS)
    ]


def module_files() -> dict[str, Path]:
    """Map the dotted name of every module under the package and the benchmarks to its file."""
    found = (path for top in (PACKAGE, "benchmarks") for path in (ROOT / top).rglob("*.py"))
    # The environments of the rivals lie in folders that begin with a dot.
    files = sorted(path for path in found if "/." not in path.relative_to(ROOT).as_posix())
    names = (path.relative_to(ROOT).with_suffix("").parts for path in files)
    return {
        ".".join(parts[:-1] if parts[-1] == "__init__" else parts): path
        for parts, path in zip(names, files, strict=True)
    }


FILES = module_files()


def package_sources() -> dict[str, str]:
    return {
        name: path.read_text(encoding="utf-8")
        for name, path in FILES.items()
        if is_under(name, PACKAGE)
    }


@pytest.mark.parametrize("module", FILES)
def test_imports_point_down(module: str) -> None:
    path = FILES[module]
    source = path.read_text(encoding="utf-8")
    assert import_violations(source, module, is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize("module", FILES)
def test_core_does_not_know_images(module: str) -> None:
    assert image_violations(FILES[module].read_text(encoding="utf-8"), module) == []


def test_every_layer_is_on_disk() -> None:
    """A rule about a module that was renamed would guard nothing."""
    assert UNITS - {unit_of(name) for name in FILES} == set()


def test_one_backward_call() -> None:
    assert modules_calling(package_sources(), "backward") == ["tabdiffuse.training.loop"]


def test_one_reverse_loop() -> None:
    assert reverse_loops(package_sources()) == ["tabdiffuse.sampling.sampler"]


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("tabdiffuse.joint.product", "from tabdiffuse.training.loop import train", "up"),
        ("tabdiffuse.joint.product", "import tabdiffuse.training.loop as loop", "up"),
        ("tabdiffuse.joint.product", "from ..training import loop", "up"),
        ("tabdiffuse.joint.product", "from .. import estimators", "up"),
        ("tabdiffuse.joint.product", "from tabdiffuse import TabularDiffusion", "up"),
        ("tabdiffuse.joint.product", "import tabdiffuse", "up"),
        ("tabdiffuse.denoiser", "def f():\n    from .sampling import sampler", "up"),
        ("tabdiffuse.spaces", "if TYPE_CHECKING:\n    from .schedules import S", "up"),
        ("tabdiffuse.nn.dit", "m = importlib.import_module('tabdiffuse.joint')", "up"),
        ("tabdiffuse.nn.dit", "m = importlib.import_module(name)", "computed"),
        ("tabdiffuse.training.loop", "from tabdiffuse.sampling import sampler", "siblings"),
        ("tabdiffuse.scoring.likelihood", "from ..sampling.sampler import sample", "siblings"),
        ("tabdiffuse.nn.dit", "from ..processes.base import Process", "siblings"),
        ("tabdiffuse.times", "from . import schedules", "siblings"),
        ("tabdiffuse.training.loop", "from ..tables.codecs import Codec", "only"),
        ("tabdiffuse.training.callbacks", "from ..io import write_archive", "only"),
        ("tabdiffuse.tables.codecs", "from ..spaces import RealSpace", "may import only"),
        ("tabdiffuse.tables.codecs", "from ..io import write_archive", "only"),
        ("tabdiffuse.metrics.quality", "from ..estimators import X", "may import only"),
        ("tabdiffuse.metrics.quality", "import torch", "torch-free"),
        ("tabdiffuse.metrics.images.frechet", "import torch", "torch-free"),
        (READS_TORCHSCRIPT, "from torch import nn", "torch-free"),
        ("tabdiffuse.estimators.table", "from ..metrics.quality import quality", "only for"),
        ("tabdiffuse.io", "import pandas as pd", "neither pandas"),
        ("tabdiffuse.training.loop", "from sklearn.base import clone", "neither pandas"),
        ("tabdiffuse", "import pandas", "neither pandas"),
        ("tabdiffuse.errors", "import torch", "torch-free"),
        ("tabdiffuse.tables.codecs", "from torch import Tensor", "torch-free"),
        ("tabdiffuse.io", "from safetensors.torch import save", "free of torch"),
        ("tabdiffuse.io", "import safetensors", "free of torch"),
        ("benchmarks.runner", "from tabdiffuse.estimators.table import X", "public API"),
        ("benchmarks.runner", "from tabdiffuse import training", "public API"),
        ("benchmarks.runner", "from tabdiffuse import _random", "public API"),
        ("benchmarks.runner", "from tabdiffuse import __version__, _hidden", "public API"),
        ("benchmarks.runner", "import tabdiffuse.tables", "public API"),
        ("tabdiffuse.helpers", "", "no layer"),
        ("tabdiffuse.helpers.more", "", "no layer"),
    ],
)
def test_checker_reports_bad_import(module: str, source: str, reason: str) -> None:
    violations = import_violations(source, module)
    assert violations
    assert reason in violations[-1]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tabdiffuse.joint.product", "from tabdiffuse.errors import SpaceError"),
        ("tabdiffuse.joint.product", "from .base import JointProcess"),
        ("tabdiffuse.joint.product", "from ..modalities.base import Modality\nimport torch"),
        ("tabdiffuse.spaces", "from .errors import SpaceError"),
        ("tabdiffuse.io", "from safetensors.numpy import load\nfrom .errors import X"),
        ("tabdiffuse.io", "from safetensors import SafetensorError"),
        ("tabdiffuse.estimators.table", "import pandas\nfrom .. import io, tables, training"),
        ("tabdiffuse", "from tabdiffuse.estimators.table import TabularDiffusion"),
        ("benchmarks.runner", "from tabdiffuse import TabularDiffusion\nimport pandas"),
        ("benchmarks.runner", "from tabdiffuse.errors import TabdiffuseError"),
        ("benchmarks.scores", "from tabdiffuse.metrics.quality import quality"),
        ("tabdiffuse.metrics.inputs", "import pandas, sklearn\nfrom ..tables import TableSchema"),
        (READS_TORCHSCRIPT, "def f():\n    import torch"),
        ("tabdiffuse", "from tabdiffuse.metrics import evaluate"),
        ("benchmarks.runner", "import tabdiffuse\nfrom . import report\nimport benchmarks.mle"),
    ],
)
def test_checker_accepts_good_import(module: str, source: str) -> None:
    assert import_violations(source, module) == []


def test_checker_resolves_relative_imports_of_a_package() -> None:
    source = "from .base import A\nfrom ..denoiser import Denoiser"
    (violation,) = import_violations(source, "tabdiffuse.joint", is_package=True)
    assert "imports tabdiffuse.denoiser.Denoiser: the import points up" in violation


@pytest.mark.parametrize("source", ["image_size = 1", "def f(x):\n    return x.ImageShape"])
def test_checker_reports_image_identifier(source: str) -> None:
    assert image_violations(source, "tabdiffuse.joint.product")
    assert image_violations(source, "tabdiffuse.modalities.base")
    for module in IMAGE_MODULES:
        assert image_violations(source, module) == []


def test_checker_lets_comments_and_strings_speak_of_images() -> None:
    assert image_violations('x = 1  # image\ny = "image"', "tabdiffuse.joint.product") == []


def test_checker_reports_second_backward_call() -> None:
    sources = {
        "tabdiffuse.training.loop": "loss.backward()",
        "tabdiffuse.nn.dit": "x.sum().backward()",
    }
    assert modules_calling(sources, "backward") == [*sources]


@pytest.mark.parametrize(
    "loop", ["x = joint.reverse_step(pred, x, t, s)", "x, pred = solver.advance(f, joint, step)"]
)
def test_checker_reports_second_reverse_loop(loop: str) -> None:
    sources = {
        "tabdiffuse.sampling.sampler": "x, pred = solver.advance(f, joint, step)",
        "tabdiffuse.sampling.solvers": "x = joint.reverse_step(pred, x, t, s)",
        "tabdiffuse.joint.product": "x = process.reverse_step(pred, x, t, s)",
        "tabdiffuse.processes.gaussian": "def reverse_step(self): ...",
    }
    assert reverse_loops(sources) == ["tabdiffuse.sampling.sampler"]
    assert len(reverse_loops({**sources, "tabdiffuse.sampling.guidance": loop})) == 2
    assert len(reverse_loops({**sources, "tabdiffuse.estimators.table": loop})) == 2
