"""Tables: the kind of each column, checks, and the way to the arrays of a model and back."""

from tabdiffuse.tables.checks import check_frame, check_same_columns
from tabdiffuse.tables.conditions import Approx, Between, Missing, OneOf
from tabdiffuse.tables.schema import Column, TableSchema
from tabdiffuse.tables.table_codec import TableCodec, TableLayout

__all__ = [
    "Approx",
    "Between",
    "Column",
    "Missing",
    "OneOf",
    "TableCodec",
    "TableLayout",
    "TableSchema",
    "check_frame",
    "check_same_columns",
]
