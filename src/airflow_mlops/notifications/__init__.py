"""Who is told what happened, as the pipeline file names it."""
