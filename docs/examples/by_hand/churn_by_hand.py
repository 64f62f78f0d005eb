"""A DAG written by hand: our operators, with two stages of its own among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, Asset, task

from airflow_mlops import Data, Evaluate, Pipeline, Source, Train
from airflow_mlops.operators.evaluate import EvaluateOperator
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.ingest import IngestOperator
from airflow_mlops.operators.refit import RefitOperator
from airflow_mlops.operators.register import RegisterOperator
from airflow_mlops.operators.train import TrainOperator

if TYPE_CHECKING:  # nothing heavy while Airflow parses this file
    import pandas as pd
    from sklearn.base import BaseEstimator

    from airflow_mlops.stages.own import Frames

churn = Pipeline(
    name="churn_by_hand",
    data=Data(
        source=Source(type="csv", filepath="subscriptions.csv"),
        target="cancelled",
        keys=("subscriber", "day"),
    ),
    train=Train(estimator="sklearn.linear_model.LogisticRegression", params={"max_iter": 1000}),
    evaluate=Evaluate(metrics=("roc_auc",), require={"roc_auc": ">= 0.6"}),
)


@task.ml_stage(pipeline=churn)
def since_summer(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep what happened since everybody is called."""
    return rows[rows["day"] >= "2025-07-01"]


@task.ml_stage(pipeline=churn)
def calibration(model: BaseEstimator, features: Frames) -> dict[str, float]:
    """Hold the share that the model expects to leave against the share that left."""
    rows = features.holdout
    expected = model.predict_proba(rows.drop(columns="cancelled"))[:, 1].mean()
    return {"expected": expected, "seen": rows["cancelled"].mean()}


with DAG("churn_by_hand", schedule="@monthly", catchup=False) as dag:
    ingest = IngestOperator(task_id="ingest", pipeline=churn)
    newest = since_summer(ingest.output)
    features = FeaturesOperator(task_id="features", pipeline=churn, dataset=newest)
    train = TrainOperator(task_id="train", pipeline=churn, features=features.output)
    calibration(train.output, features.output)
    evaluate = EvaluateOperator(
        task_id="evaluate", pipeline=churn, features=features.output, model=train.output
    )
    refit = RefitOperator(
        task_id="refit", pipeline=churn, features=features.output, evaluation=evaluate.output
    )
    RegisterOperator(
        task_id="register",
        pipeline=churn,
        evaluation=evaluate.output,
        refit=refit.output,
        features=features.output,
        outlets=[Asset(name="churn_by_hand/champion", uri="mlops://churn_by_hand/champion")],
    )
