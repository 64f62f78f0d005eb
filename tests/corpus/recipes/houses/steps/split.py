def is_sold(rows):
    return rows["price"] > 0


def tidy(train, validation, test):
    return train, validation, test
