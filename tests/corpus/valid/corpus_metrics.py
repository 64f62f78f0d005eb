def cost(truth, predicted, sample_weight=None):
    return 0.0
