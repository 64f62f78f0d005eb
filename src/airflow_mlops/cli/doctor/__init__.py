"""The command ``doctor``: checks that all that the pipelines need is installed and answers."""
