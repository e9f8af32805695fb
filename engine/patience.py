"""How long the threads of number libraries wait awake for more work before they sleep.

By default OpenBLAS's do so for about 25 ms after each product, and those of OpenMP for some: on a
CPU these are taken from the process that paints or embeds next. A tenth of a millisecond is enough
for operations that follow one another.
"""

import os

OPENBLAS = {"OPENBLAS_THREAD_TIMEOUT": "16"}
"""2 to the power of this, in ticks of the processor's clock."""
OPENMP = {"GOMP_SPINCOUNT": "10000"}


def rest_soon() -> None:
    """Have this process's threads sleep soon; of effect before numpy is imported."""
    for name, value in OPENBLAS.items():
        os.environ.setdefault(name, value)


def environment() -> dict[str, str]:
    """What a model process is started with: what the person has set stays as it is."""
    return {**OPENBLAS, **OPENMP, **os.environ}
