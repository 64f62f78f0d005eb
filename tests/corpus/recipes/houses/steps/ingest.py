import pandas as pd


def load(location):
    return pd.read_csv(location, index_col=0)
