"""Steps between the columns of a table and an estimator that does not take them as they are."""
