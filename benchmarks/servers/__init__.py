"""What the benchmarks of the model server share: models, processes, load.

Callers and HAProxy are those of ``tests.support``, which is beside this folder.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
