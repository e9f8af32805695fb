"""Numbers that people and files give, as engine and app take them: see `cache/numbers.py`."""

from cache.numbers import LARGEST as LARGEST
from cache.numbers import finite as finite
from cache.numbers import local_time as local_time
from cache.numbers import stamp as stamp
from cache.numbers import storable as storable
from cache.numbers import unix_time as unix_time
from cache.numbers import whole as whole
