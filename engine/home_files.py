"""Folders and files of the home, as the app makes them: `cache/home_files.py` says how and why."""

from cache.home_files import open_log as open_log
from cache.home_files import unreadable as unreadable
from cache.home_files import write_file as write_file
