"""What scikit-learn asks of an estimator.

The common checks that build their own arrays cannot run on an estimator that takes DataFrames only;
those about parameters, tags and names can. What the others ask and applies here is tested by hand
below or elsewhere:

- ``check_estimators_dtypes``, ``check_dtype_object``, ``check_estimators_nan_inf``,
  ``check_complex_data``, ``check_estimator_sparse_*``, ``check_fit1d``, ``check_fit2d_1sample``,
  ``check_fit2d_1feature``, ``check_estimators_empty_data_messages``: they pass arrays, which are
  refused by type; `test_bad_input.py` has their cases as DataFrames.
- ``check_estimators_pickle``, ``check_readonly_memmap_input``, ``check_fit_idempotent``,
  ``check_dict_unchanged``, ``check_methods_*_invariance``: they compare ``predict``, ``transform``
  or ``score_samples``, which are not here yet; `test_model_file.py`, `test_table_estimator.py` and
  `test_reproducibility.py` have the same claims for ``sample``.
- ``check_dataframe_column_names_consistency``, ``check_n_features_in*``: they want a refit on an
  array to pass; see `test_names_and_number_of_columns`.
- ``check_classifiers_*``, ``check_regressors_*``, ``check_transformer_*``, ``check_clusters_*``,
  ``check_outliers_*``, ``check_class_weight_*``, ``check_sample_weights_*``: other kinds.
"""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

from tabdiffuse import TabularDiffusion
from tests.tiny_tables import mixed_frame, tiny_model

CHECKS = [
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_mixin_order,
    estimator_checks.check_estimators_unfitted,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_common_check(check):
    check("TabularDiffusion", TabularDiffusion(verbose=0))


def test_default_constructible():
    estimator_checks.check_parameters_default_constructible(
        "TabularDiffusion", TabularDiffusion(verbose=0)
    )


MARKERS = {name: object() for name in inspect.signature(TabularDiffusion).parameters}


def test_constructor_stores_verbatim_and_nothing_else():
    model = TabularDiffusion(**MARKERS)
    assert vars(model) == MARKERS
    assert all(getattr(model, name) is MARKERS[name] for name in MARKERS)
    assert model.get_params() == MARKERS


def test_parameters_are_keywords_with_documented_defaults():
    parameters = inspect.signature(TabularDiffusion).parameters.values()
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(parameter.default is not inspect.Parameter.empty for parameter in parameters)
    documented = inspect.getdoc(TabularDiffusion)
    assert all(parameter.name in documented for parameter in parameters)


@pytest.mark.parametrize("preset", ["auto", "fast"])
def test_fit_and_sample_leave_the_parameters_alone(preset):
    callbacks, schema = [lambda progress, state: None], {"x": "numeric"}
    model = tiny_model(preset=preset, width=None, callbacks=callbacks, schema=schema, max_steps=1)
    before = model.get_params()
    model.fit(mixed_frame(20)).sample(2)
    after = model.get_params()
    assert all(after[name] is before[name] for name in before)
    assert len(callbacks) == 1
    assert schema == {"x": "numeric"}


def test_fit_sets_only_public_attributes_that_end_in_an_underscore():
    model = tiny_model()
    before = set(vars(model))
    model.fit(mixed_frame(20))
    added = set(vars(model)) - before
    assert all(name.endswith("_") and not name.startswith("_") for name in added)
    model.sample(3)
    assert set(vars(model)) == added | before


def test_fit_returns_the_estimator_and_ignores_y():
    model = tiny_model()
    assert model.fit(mixed_frame(20), y=[1, 2]) is model


def test_names_and_number_of_columns():
    model = tiny_model().fit(mixed_frame(20))
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.dtype == object
    assert list(model.feature_names_in_) == ["x", "twice", "sign", "big"]
    model.fit(pd.DataFrame({0: [1, 2], 1: [3, 4]}))
    assert model.n_features_in_ == 2
    assert not hasattr(model, "feature_names_in_")  # as anywhere in scikit-learn


def test_a_refit_forgets_the_first_fit():
    model = tiny_model(max_steps=3).fit(mixed_frame(50)).fit(mixed_frame(20)[["x"]])
    assert list(model.sample(2).columns) == ["x"]
    assert model.n_rows_ == 20


def test_tags_say_what_a_frame_may_hold():
    tags = get_tags(TabularDiffusion())
    assert tags.input_tags.allow_nan
    assert tags.input_tags.string
    assert tags.input_tags.categorical
    assert not tags.input_tags.sparse
    assert not tags.target_tags.required


def test_is_fitted():
    model = tiny_model()
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    check_is_fitted(model.fit(mixed_frame(20)))
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(model))


def test_set_params_takes_effect_and_refuses_unknown_names():
    model = tiny_model().set_params(max_steps=2).fit(mixed_frame(20))
    assert model.n_iter_ == 2
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'"):
        model.set_params(epochs=3)


def test_repr_shows_what_differs_from_the_defaults():
    assert repr(TabularDiffusion()) == "TabularDiffusion()"
    assert repr(TabularDiffusion(max_steps=5, eta=0.5)) == "TabularDiffusion(eta=0.5, max_steps=5)"


def test_clone_has_equal_and_independent_parameters():
    model = tiny_model(schema={"x": "numeric"}, random_state=np.random.RandomState(0))
    other = clone(model)
    assert other.schema == model.schema
    assert other.schema is not model.schema
    assert other.random_state is not model.random_state
