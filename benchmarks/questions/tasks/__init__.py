"""The tasks, one in each module; the order is that of the page."""

from benchmarks.questions.task import Task
from benchmarks.questions.tasks import (
    anomaly,
    conditional,
    cost,
    imputation,
    oversampling,
    predict,
    target,
    typos,
)

MODULES = (conditional, imputation, target, predict, anomaly, typos, oversampling, cost)
TASKS: dict[str, Task] = {module.TASK.name: module.TASK for module in MODULES}
