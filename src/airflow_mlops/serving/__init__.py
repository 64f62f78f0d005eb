"""The embedded model server and its store of counts and requests."""
