from sklearn.linear_model import ElasticNet


def make_estimator(estimator_params=None):
    return ElasticNet(**(estimator_params or {}))
