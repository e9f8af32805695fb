"""Questions to the file system, as engine and app ask them: `cache/disk.py` says why there."""

from cache.disk import absence as absence
from cache.disk import below as below
from cache.disk import entries as entries
from cache.disk import exists as exists
from cache.disk import expanded as expanded
from cache.disk import from_root as from_root
from cache.disk import is_denied as is_denied
from cache.disk import is_file as is_file
from cache.disk import is_folder as is_folder
from cache.disk import matching as matching
from cache.disk import refusal as refusal
