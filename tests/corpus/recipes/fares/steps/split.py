def plausible(rows):
    return (rows["fare"] > 0) & (rows["distance"] < 100)
