"""Estimators are fitted to raw tables: what comes out is held against scripts that are written with care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.preprocessing.building import folds_of
from airflow_mlops.training.preprocessing.learning import Learned, Learner
from tests.support.tables import diamonds, passengers, penguins, subscribers


def learner(frame: pd.DataFrame, target: str, *, keys: Sequence[str] = (), **train: Any) -> Learner:
    config = {
        "name": "p",
        "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": target, "keys": list(keys)},
        "train": {"estimator": "sklearn.linear_model.LogisticRegression", **train},
        "evaluate": {"metrics": ["accuracy"]},
    }
    features = frame.drop(columns=[target, *keys])
    return Learner(
        pipeline=Pipeline.model_validate(config), features=features, target=frame[target], rows=lambda: frame
    )


def fitted(estimator: Any, frame: pd.DataFrame, target: str, **more: Any) -> Learned:
    """Fit a clone of the estimator."""
    return learner(frame, target, **more).fit(clone(estimator))


def halves(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    cut = len(frame) * 2 // 3
    return frame[:cut].reset_index(drop=True), frame[cut:].reset_index(drop=True)


def careful(numbers: list[str], levels: list[str], estimator: Any) -> Any:
    """What a person would write for a table: fill, scale and encode by hand."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            (
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
                ),
                levels,
            ),
            sparse_threshold=0,
        ),
        estimator,
    )


def ordered(numbers: list[str], levels: dict[str, list[str]], estimator: Any) -> Any:
    encoder = OrdinalEncoder(categories=list(levels.values()))
    return make_pipeline(
        make_column_transformer(("passthrough", numbers), (encoder, list(levels))), estimator
    )


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(50, random_state=0),
        HistGradientBoostingClassifier(max_iter=30),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_passengers_are_predicted_as_by_a_careful_script(estimator: Any) -> None:
    train, test = halves(passengers(2_400))
    numbers, levels = ["Pclass", "Age", "SibSp", "Parch", "Fare"], ["Sex", "Embarked"]
    train_x = train.drop(columns="Survived")
    script = careful(numbers, levels, estimator).fit(train_x, train["Survived"])
    expected = roc_auc_score(test["Survived"], script.predict_proba(test)[:, 1])
    found = fitted(estimator, train, "Survived")
    ours = roc_auc_score(test["Survived"], found.estimator.predict_proba(test)[:, 1])
    assert ours > expected - 0.01
    assert set(found.plan.left_out) == {"PassengerId", "Name"}
    assert any("Name" in note for note in found.plan.notes)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(max_iter=1000), KNeighborsClassifier(), SVC(random_state=0)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_penguins_keep_their_species_as_text(estimator: Any) -> None:
    train, test = halves(penguins(900))
    numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
    script = careful(numbers, ["island", "sex"], estimator).fit(
        train.drop(columns="species"), train["species"]
    )
    found = fitted(estimator, train, "species").estimator
    expected, ours = (accuracy_score(test["species"], model.predict(test)) for model in (script, found))
    assert ours > expected - 0.01
    assert list(found.classes_) == ["Adelie", "Chinstrap", "Gentoo"]


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(max_iter=40, random_state=0),
        RandomForestRegressor(30, random_state=0),
        Ridge(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_diamonds_are_priced_as_by_a_careful_script(estimator: Any) -> None:
    train, test = halves(diamonds(2_400))
    levels = {
        "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
        "color": list("DEFGHIJ"),
        "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
    }
    numbers = ["carat", "depth", "table", "x", "y", "z"]
    script = (
        careful(numbers, list(levels), estimator)
        if isinstance(estimator, Ridge)
        else ordered(numbers, levels, estimator)  # with what a person knows of the qualities
    )
    script.fit(train.drop(columns="price"), train["price"])
    found = fitted(estimator, train, "price").estimator
    expected, ours = (r2_score(test["price"], model.predict(test)) for model in (script, found))
    assert ours > expected - 0.02


def test_a_table_of_everything_is_learned_with_its_text_when_asked() -> None:
    train, test = halves(subscribers(2_400))
    asked = {"text": ["comment"]}
    for estimator in (LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(max_iter=40)):
        without = fitted(estimator, train, "left")
        found = fitted(estimator, train, "left", preprocess=asked)
        assert without.plan.left_out == ("contract", "comment", "country")
        assert found.plan.left_out == ("contract", "country")
        first, second = (
            roc_auc_score(test["left"], one.estimator.predict_proba(test)[:, 1]) for one in (without, found)
        )
        assert second > first + 0.02
    assert sparse.issparse(
        fitted(LogisticRegression(max_iter=1000), train, "left", preprocess=asked)
        .estimator[0]
        .transform(test)
    )


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), RandomForestClassifier(5), HistGradientBoostingClassifier(max_iter=5)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_plain_numbers_are_fitted_as_before(estimator: Any) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc")).assign(
        flag=lambda rows: rows["a"] > 0, n=np.arange(80), one=1, y=lambda rows: (rows["b"] > 0).astype(int)
    )
    found = learner(frame, "y").fit(estimator)
    assert found.estimator is estimator
    assert not found.plan


class Own(ClassifierMixin, BaseEstimator):
    """Takes text by itself."""

    def fit(self, rows: pd.DataFrame, target: pd.Series) -> Own:
        assert rows["Sex"].isin(["male", "female"]).all()
        self.classes_ = np.unique(target)
        return self


@pytest.mark.parametrize(
    "estimator",
    [
        Own(),
        make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["Sex"])), LogisticRegression()
        ),
    ],
    ids=["own", "pipeline"],
)
def test_an_estimator_with_encoders_of_its_own_is_left_alone(estimator: Any) -> None:
    found = learner(passengers(200), "Survived").fit(estimator)
    assert found.estimator is estimator
    assert not found.plan


def test_switched_off_text_is_refused_with_the_next_step() -> None:
    with pytest.raises(
        ConfigError, match=r"not numeric: Name, Sex.*encode text by a mapping in `train.preproc"
    ):
        fitted(LogisticRegression(), passengers(100), "Survived", preprocess=None)


def test_a_wish_for_a_column_that_is_no_feature_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'Cabbin', which is not a feature \(did you mean Cabin\?\)"):
        fitted(LogisticRegression(), passengers(100), "Survived", preprocess={"category": ["Cabbin"]})


ESTIMATORS = [
    LogisticRegression(max_iter=500),
    GaussianNB(),
    MultinomialNB(),
    KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=20, random_state=0),
    RandomForestClassifier(10, random_state=0),
    GradientBoostingClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    DummyClassifier(),
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, cv=2),
    make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    VotingClassifier([("a", LogisticRegression(max_iter=500)), ("b", GaussianNB())], voting="soft"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=lambda estimator: " ".join(repr(estimator).split())[:40]
)
def test_rows_that_training_never_saw_are_answered(estimator: Any) -> None:
    """Gaps and levels come that were not there, types as JSON and readers of files make them."""
    train, test = halves(subscribers(600))
    found = fitted(estimator, train, "left").estimator
    odd = test.drop(columns="left").head(6).astype(object)
    odd.loc[0, "town"], odd.loc[1, ["town", "months", "paperless", "since"]] = "never seen", None
    odd.loc[2, "since"], odd.loc[3, "charges"], odd.loc[4, "months"] = "no date", "many", np.inf
    chances = found.predict_proba(odd)
    assert np.isfinite(chances).all()
    alone = np.vstack([found.predict_proba(odd.iloc[[i]]) for i in range(len(odd))])
    assert np.allclose(alone, chances)


@pytest.mark.parametrize("entities", [None, 40])
def test_target_encoding_does_not_teach_a_row_by_its_own_label(entities: int | None) -> None:
    """Labels are noise of entities; a level has rows of two entities."""
    rng = np.random.default_rng(3)
    rows, of = 800, entities or 800
    entity = rng.permutation(np.arange(rows) % of)
    labels = rng.integers(0, 2, of)[entity]
    frame = pd.DataFrame(
        {"entity": entity, "level": [f"level {k}" for k in entity % (of // 2)], "y": labels}
    ).assign(noise=rng.normal(size=rows))
    found = fitted(
        LogisticRegression(),
        frame,
        "y",
        keys=["entity"],
        preprocess={"max_levels": 2},
    )
    assert "target_mean" in found.plan.steps
    assert abs(found.estimator[-1].coef_[0, -1]) < 0.6


def test_rows_of_one_entity_are_in_one_fold() -> None:
    entities = pd.Series(["a", "b", "c", "a", None, "b", None, "d"])
    folds = folds_of(entities)
    seen = np.concatenate([test for _, test in folds])  # type: ignore[union-attr]
    assert sorted(seen) == list(range(8))
    for learned, test in folds:  # type: ignore[union-attr]
        assert not set(entities[learned].dropna()) & set(entities[test].dropna())
        assert len(learned) + len(test) == 8


def test_a_name_of_the_entity_is_left_out() -> None:
    frame = passengers(600).assign(
        entity=lambda rows: rows.index % 60, alias=lambda rows: "e" + (rows.index % 60).astype(str)
    )
    found = fitted(LogisticRegression(max_iter=500), frame, "Survived", keys=["entity"])
    assert "alias" in found.plan.left_out


def awkward() -> dict[str, Any]:
    rows = 300
    rng = np.random.default_rng(0)
    return {
        "only gaps": pd.Series([None] * rows, dtype=object),
        "NaN only": np.full(rows, np.nan),
        "one level": ["x"] * rows,
        "one level and gaps": pd.Series(["x", None] * (rows // 2), dtype=object),
        "mixed": pd.Series([1, "a", 2.5, None, True, "1"] * (rows // 6), dtype=object),
        "nested": pd.Series([[1], {"a": 1}, None] * (rows // 3), dtype=object),
        "bytes": pd.Series([b"x"] * rows, dtype=object),
        "huge text": ["long " * 2_000 + str(i % 7) for i in range(rows)],
        "infinite": np.where(rng.random(rows) < 0.1, np.inf, rng.normal(size=rows)),
        "minus infinite": np.full(rows, -np.inf),
        "category of numbers": pd.Categorical(rng.integers(0, 5, rows)),
        "ordered": pd.Categorical(
            rng.choice(["low", "high"], rows), categories=["low", "high"], ordered=True
        ),
        "unused categories": pd.Categorical(["a"] * rows, categories=["a", "b"]),
        "nullable": pd.array([1, None, 3] * (rows // 3), dtype="Int64"),
        "nullable flag": pd.array([True, None, False] * (rows // 3), dtype="boolean"),
        "duration": pd.to_timedelta(rng.integers(0, 90, rows), unit="h"),
        "moment": pd.date_range("2024-01-01", periods=rows, freq="7h"),
        "zoned with gaps": pd.Series(pd.date_range("2024-01-01", periods=rows, tz="Europe/Berlin")).mask(
            rng.random(rows) < 0.2
        ),
        "far years": pd.Series(["0001-01-01", "9999-12-31", "2024-02-29"] * (rows // 3)),
        "complex": rng.normal(size=rows) + 1j,
        "codes": [f"{i % 40:04d}" for i in range(rows)],
        "empty text": ["", " "] * (rows // 2),
    }


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(max_iter=500), HistGradientBoostingClassifier(max_iter=3)],
    ids=["linear", "histogram"],
)
@pytest.mark.parametrize("name", awkward())
def test_awkward_columns_are_used_or_left_out_with_a_note(name: str, estimator: Any) -> None:
    values = awkward()[name]
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300), name: values})
    frame["y"] = np.where(frame["x"] + rng.normal(size=300) > 0, "yes", "no")
    found = fitted(estimator, frame, "y")
    assert set(found.estimator.predict(frame[["x", name]])) == {"yes", "no"}
    noted = any(name in note for note in found.plan.notes)
    taken = any(name in names for names in found.plan.steps.values()) or not found.plan
    assert (taken and name not in found.plan.left_out) or noted


def test_five_thousand_levels_are_one_column() -> None:
    rng = np.random.default_rng(0)
    town = rng.integers(0, 5_000, 12_000)
    effect = rng.normal(0, 1.5, 5_000)
    frame = pd.DataFrame({"x": rng.normal(size=12_000), "town": [f"t{k}" for k in town]})
    frame["y"] = (rng.random(12_000) < 1 / (1 + np.exp(-frame["x"] - effect[town]))).astype(int)
    train, test = halves(frame)
    found = fitted(LogisticRegression(), train, "y").estimator
    assert found[0].transform(test).shape[1] == 2
    alone = LogisticRegression().fit(train[["x"]], train["y"]).predict_proba(test[["x"]])[:, 1]
    assert roc_auc_score(test["y"], found.predict_proba(test)[:, 1]) > roc_auc_score(test["y"], alone) + 0.02


def test_ten_rows_are_enough() -> None:
    frame = passengers(10).assign(Survived=[0, 1] * 5)
    assert len(fitted(LogisticRegression(), frame, "Survived").estimator.predict(frame)) == 10


def test_an_earlier_plan_is_repeated_with_the_levels_of_the_new_rows() -> None:
    train, test = halves(passengers(600))
    first = fitted(LogisticRegression(max_iter=500), train, "Survived")
    more = test.assign(Embarked="X", Sex=[f"s{i % 40}" for i in range(len(test))])
    again = learner(pd.concat([train, more], ignore_index=True), "Survived")
    second = replace(again, plan=first.plan).fit(LogisticRegression(max_iter=500))
    assert second.plan == first.plan
    levels = dict(
        zip(
            first.plan.steps["one_hot"],
            second.estimator[0].named_transformers_["one_hot"][-1].categories_,
            strict=True,
        )
    )
    assert "X" in levels["Embarked"]


def test_a_table_without_any_use_is_refused_with_the_reasons() -> None:
    frame = pd.DataFrame({"name": [f"n{i}" for i in range(40)], "country": "DE", "y": [0, 1] * 20})
    with pytest.raises(ConfigError, match=r"leaves no feature: .*its own: name.*one value: country"):
        fitted(LogisticRegression(), frame, "y")
