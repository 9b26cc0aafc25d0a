"""``python -m tests.golden`` stores the numbers anew; the commit says why they moved."""

from tests.golden.model import write

write()
