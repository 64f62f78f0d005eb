"""Where rows come from: files, databases, functions."""
