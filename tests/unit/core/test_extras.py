"""A message about a library that is not installed names the extra that brings it."""

from airflow_mlops.core.extras import how_to_install


def test_an_extra_is_named_for_the_libraries_that_have_one() -> None:
    assert how_to_install("catboost") == "; install it: pip install 'airflow-mlops[catboost]'"
    assert how_to_install("lightgbm.sklearn") == "; install it: pip install 'airflow-mlops[lightgbm]'"
    assert how_to_install("lightgbm_tools") == ""
