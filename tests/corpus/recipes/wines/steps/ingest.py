def load_file(path, file_format):
    import pandas as pd

    if file_format != "csv":
        raise NotImplementedError
    rows = pd.read_csv(path, sep=";")
    return rows.assign(is_red="yes" if "red" in path.rpartition("/")[2] else "no")
