"""What the cache holds, as the engine hands it out: row types that screens and commands read."""

from cache.embeddings import EncoderRecord as EncoderRecord
from cache.files import FailureRecord as FailureRecord
from cache.files import FolderRecord as FolderRecord
from cache.generated import GeneratedRecord as GeneratedRecord
from cache.jobs import JobRecord as JobRecord
from cache.library import LibraryCounts as LibraryCounts
from cache.matchers import MatcherRecord as MatcherRecord
