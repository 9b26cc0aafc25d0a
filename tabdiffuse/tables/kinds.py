"""Decide how one column is modelled, or refuse it in words.

The rules, in order: a single value is constant; numbers are numeric; booleans are boolean;
strings and category dtypes are categorical. Everything else is refused, by an error that names
the column, shows a value with its row (counted from 0) and says what to do.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tabdiffuse.errors import DataError, DataTypeError, SchemaError
from tabdiffuse.tables.column import Column, Kind
from tabdiffuse.tables.refusals import (
    first_shown,
    refuse_dtype,
    refuse_keys_and_text,
    refuse_later,
    refuse_many_levels,
)
from tabdiffuse.tables.values import (
    drop_missing,
    dtype_to_spec,
    missing_mask,
    numbers,
    scalar_to_json,
    show,
)

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["OVERRIDES", "infer_column"]

OVERRIDES = ("boolean", "categorical", "numeric")


def infer_column(values: Series, override: str | None = None) -> Column:
    """Find the kind of one column.

    Parameters
    ----------
    values : Series
        The column, under its name.
    override : {"boolean", "categorical", "numeric"}, optional
        The kind asked for by the user.

    Returns
    -------
    Column
        Its description.

    Raises
    ------
    SchemaError
        The column is of a kind that is not modelled, or cannot be read as `override`.
    DataTypeError
        The column mixes Python types, or holds nested objects.
    DataError
        The column holds complex numbers, or integers beyond 2**53.
    """
    refuse_dtype(values)
    missing = missing_mask(values)
    present = drop_missing(values, missing)
    item = _item_type(values, present) if pd.api.types.is_object_dtype(values.dtype) else ""
    facts = _facts(values, present, item)
    if facts["n_distinct"] + bool(missing.any()) <= 1:
        return _constant(values, present, facts, override)
    natural = _natural_kind(values, present, item)
    kind = natural if override is None else _overridden(values, natural, override, facts)
    if kind == "numeric":
        numbers(values, missing)
        return Column(kind=kind, **facts, note=_numeric_note(facts, len(values)))
    if isinstance(values.dtype, pd.CategoricalDtype) or override is not None:
        refuse_many_levels(values, present, facts["n_distinct"])
    elif kind == "categorical":
        refuse_keys_and_text(values, present, facts["n_distinct"])
        refuse_many_levels(values, present, facts["n_distinct"])
    return Column(kind=kind, **facts, levels=_levels(values, present), note=_level_note(facts))


def _facts(values: Series, present: Series, item: str) -> dict[str, Any]:
    facts = {
        "name": values.name,
        "dtype": dtype_to_spec(values.dtype),
        "item": item,
        "missing": _missing_marker(values),
        "missing_fraction": 1.0 - len(present) / len(values),
        "n_distinct": _count_distinct(present),
    }
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories = values.dtype.categories
        _check_storable(values, categories)
        facts["categories"] = tuple(categories.astype(object))
        facts["categories_dtype"] = dtype_to_spec(categories.dtype)
        facts["ordered"] = bool(values.dtype.ordered)
    return facts


def _count_distinct(present: Series) -> int:
    """Count distinct values; numbers are sorted, which takes less time and room than hashing."""
    if isinstance(present.dtype, pd.CategoricalDtype):
        return len(np.unique(present.cat.codes.to_numpy()))
    if isinstance(present.dtype, np.dtype) and present.dtype.kind in "iuf":
        ordered = np.sort(present.to_numpy())
        return min(len(ordered), 1) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))
    return int(present.nunique())


def _check_storable(values: Series, levels: Any) -> None:
    for level in levels:
        try:
            scalar_to_json(level)
        except TypeError:
            raise SchemaError(
                f"Column {values.name!r} has values of type {type(level).__name__} "
                f"(e.g. {show(level)}), which a table model cannot store. Convert it to strings "
                f"with df[{values.name!r}].astype(str), or drop it."
            ) from None


def _missing_marker(values: Series) -> str:
    missing = missing_mask(values)
    if not missing.any():
        return ""
    if pd.api.types.is_object_dtype(values.dtype):
        first = values.iloc[int(np.flatnonzero(missing)[0])]
        return {type(None): "None", type(pd.NA): "NA", type(pd.NaT): "NaT"}.get(type(first), "nan")
    return "nan"


def _natural_kind(values: Series, present: Series, item: str) -> Kind:
    dtype = values.dtype
    # `type` is str for strings kept by pyarrow too.
    if isinstance(dtype, pd.CategoricalDtype) or "str" in (item, dtype.type.__name__):
        return "categorical"
    if pd.api.types.is_bool_dtype(dtype) or item == "bool":
        return "boolean"
    if pd.api.types.is_numeric_dtype(dtype) or item in ("int", "float"):
        return "numeric"
    refuse_later(values, present, item or str(dtype))


def _levels(values: Series, present: Series) -> tuple[Any, ...]:
    """Distinct values: in category order where there is one, else sorted."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = np.unique(present.cat.codes.to_numpy())
        return tuple(present.cat.categories[used].astype(object))
    found = np.asarray(present.unique(), dtype=object)
    return tuple(
        sorted(value.item() if isinstance(value, np.generic) else value for value in found)
    )


def _constant(
    values: Series, present: Series, facts: dict[str, Any], override: str | None
) -> Column:
    if len(present) == 0:
        note = "all missing, restored as it is"
        levels: tuple[Any, ...] = ()
    else:
        value = present.iloc[0]
        _check_storable(values, [value])
        levels = (value.item() if isinstance(value, np.generic) else value,)
        note = "one value, restored as it is"
    if override is not None:
        note += f"; {override!r} was asked for, but there is nothing to learn"
    return Column(kind="constant", **facts, levels=levels, note=note)


def _overridden(values: Series, natural: Kind, override: str, facts: dict[str, Any]) -> Kind:
    name = values.name
    if override == "numeric" and natural != "numeric":
        raise SchemaError(
            f"Column {name!r} cannot be read as numeric: its dtype is {values.dtype} "
            f"(first: {first_shown(values)}). Convert it first with pd.to_numeric(df[{name!r}])."
        )
    if override == "boolean" and facts["n_distinct"] > 2:
        raise SchemaError(
            f"Column {name!r} cannot be read as boolean: it has {facts['n_distinct']} distinct "
            f"values (first: {first_shown(values)}). Pass schema={{{name!r}: 'categorical'}}."
        )
    kinds: dict[str, Kind] = {
        "numeric": "numeric",
        "categorical": "categorical",
        "boolean": "boolean",
    }
    return kinds[override]


def _numeric_note(facts: dict[str, Any], n_rows: int) -> str:
    if (
        facts["n_distinct"] == n_rows
        and facts["item"] != "float"
        and "int" in facts["dtype"].lower()
    ):
        return "all values distinct; drop it if it is a key"
    return ""


def _level_note(facts: dict[str, Any]) -> str:
    unused = len(facts["categories"]) - facts["n_distinct"] if "categories" in facts else 0
    return f"{unused} declared categories unused" if unused else ""


def _item_type(values: Series, present: Series) -> str:
    """Name the one type of Python objects in a column, or refuse a mixture."""
    found: Counter[str] = Counter()
    for kind, count in Counter(map(type, present)).items():
        found[_type_name(kind)] += count
    if "nested" in found:
        row, value = _first_of(values, "nested")
        raise DataTypeError(
            f"Column {values.name!r} holds nested objects (first: {show(value)}, row {row}). Every "
            f"cell argument must be a string, a number or a bool: spread it over several "
            f"columns, e.g. with pd.json_normalize, or drop it."
        )
    if "complex" in found:
        raise DataError(f"Complex data not supported: column {values.name!r}.")
    if set(found) <= {"int", "float"}:
        return "float" if "float" in found else "int" if found else ""
    if len(found) > 1:
        rare = min(found, key=lambda name: found[name])
        row, value = _first_of(values, rare)
        raise DataTypeError(
            f"Column {values.name!r} mixes the types {', '.join(sorted(found))}: "
            f"{found[rare]} of {len(values)} values are {rare} (first: {show(value)}, row {row}). "
            f"Make it one type, e.g. df[{values.name!r}].astype(str) for categories or "
            f"pd.to_numeric(df[{values.name!r}], errors='coerce') for numbers."
        )
    return next(iter(found))


def _first_of(values: Series, name: str) -> tuple[int, Any]:
    rows = (
        row
        for row, value in enumerate(values)
        if _type_name(type(value)) == name
        and not (pd.api.types.is_scalar(value) and pd.isna(value))
    )
    row = next(rows)
    return row, values.iloc[row]


def _type_name(kind: type) -> str:
    families: tuple[tuple[str, tuple[type, ...]], ...] = (
        ("str", (str,)),
        ("bool", (bool, np.bool_)),
        ("int", (int, np.integer)),
        ("timedelta", (dt.timedelta, np.timedelta64)),
        ("float", (float, np.floating)),
        ("complex", (complex, np.complexfloating)),
        ("datetime", (dt.date, np.datetime64)),
        ("nested", (list, tuple, dict, set, frozenset, np.ndarray, pd.Series, pd.DataFrame)),
    )
    for name, types in families:
        if issubclass(kind, types):
            return name
    return kind.__name__
