"""The four numbers of the benchmark table, each in its own module.

=============  ==========================================================================
``quality``    Shape and Trend: marginals and pairs of columns, as SDMetrics scores them
``detection``  XGB-C2ST: can boosted trees tell the two tables apart?
``mle``        MLE: does a classifier trained on the table work on real rows?
=============  ==========================================================================
"""
