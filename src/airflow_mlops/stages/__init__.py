"""One module per stage: each composes the rooms and their decisions into one record.

A stage module has one public function, ``run(call: StageCall) -> Record``.
"""
