"""What touches the outside: data, Great Expectations, scikit-learn, MLflow, serving targets."""
