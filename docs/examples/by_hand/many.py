"""The DAGs of one pipeline for each price, written once."""

from airflow_mlops import Pipeline, build_dags


def churn(price: int) -> Pipeline:
    """Return the pipeline of the subscriptions at one price."""
    return Pipeline(
        name=f"churn_at_{price}",
        schedule="@weekly",
        data={
            "source": {
                "type": "callable",
                "callable": "subscriptions:at_price",
                "load_args": {"price": price},
            },
            "target": "cancelled",
            "keys": ["subscriber", "day"],
        },
        train={"estimator": "sklearn.linear_model.LogisticRegression"},
        evaluate={"metrics": ["roc_auc"]},
    )


build_dags(globals(), *(churn(price) for price in (5, 9, 15)))
