"""Exceptions and warnings, all reachable from two roots.

::

    Exception
    └── TabdiffuseError
        ├── SchemaError           (ValueError)    a column that cannot be modelled as asked
        ├── DataError             (ValueError)    values that cannot be used
        ├── DataTypeError         (TypeError)     a wrong type of container or of values
        ├── ParameterError        (ValueError)    a parameter out of its range
        ├── ModelFileError        (ValueError)    a file that is not a readable model
        └── TrainingDivergedError (RuntimeError)  a loss that stopped being finite

    UserWarning
    └── TabdiffuseWarning                         something works, and deserves a look

Each error is also the built-in one in brackets, so ``except ValueError`` works as with any
other estimator.
"""

__all__ = [
    "DataError",
    "DataTypeError",
    "ModelFileError",
    "ParameterError",
    "SchemaError",
    "TabdiffuseError",
    "TabdiffuseWarning",
    "TrainingDivergedError",
]


class TabdiffuseError(Exception):
    """Root of every error that this library raises on purpose."""


class SchemaError(TabdiffuseError, ValueError):
    """A column cannot be modelled, or not in the way that was asked for."""


class DataError(TabdiffuseError, ValueError):
    """The data have the right type but values or a shape that cannot be used."""


class DataTypeError(TabdiffuseError, TypeError):
    """The data, or some values in them, have a type that cannot be used."""


class ParameterError(TabdiffuseError, ValueError):
    """A parameter has a value outside its allowed range."""


class ModelFileError(TabdiffuseError, ValueError):
    """A file is not a model file, is damaged, or comes from an unknown version."""


class TrainingDivergedError(TabdiffuseError, RuntimeError):
    """Training was stopped because the loss was no longer finite."""


class TabdiffuseWarning(UserWarning):
    """Something works but deserves a look."""
