"""What logged models hold of this package: raw rows to features, columns to numbers, labels to numbers.

A model in the format of skops names these functions and classes by module and name: a module or a name that
is moved cannot be loaded any more. A cloudpickle packs them by value. Both ask that they import nothing but
numpy, pandas and scikit-learn, so that a notebook or a model server loads a model without Airflow or MLflow's
settings of this package.
"""
