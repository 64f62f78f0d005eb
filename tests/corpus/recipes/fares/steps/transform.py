from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def transformer():
    columns = [
        ("zone", OneHotEncoder(handle_unknown="ignore"), ["zone"]),
        ("numbers", StandardScaler(), ["distance", "minutes"]),
    ]
    return Pipeline([("encode", ColumnTransformer(columns))])
