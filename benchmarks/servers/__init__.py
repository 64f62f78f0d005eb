"""What the benchmarks of the model server share: models, processes, load."""
