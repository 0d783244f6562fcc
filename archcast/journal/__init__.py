"""Work that can be interrupted and continued: what every command that writes to ``out`` has in common.

- :class:`Journal` is a file that grows by whole lines. A process that is killed leaves at most one torn line, which is cut off when
  the file is read again; nothing else is lost.
- :func:`claimed` makes sure that two processes never work on one folder at once.
- :func:`staffed` says in one line that a worker process was killed.
- :func:`fingerprint` says in a few letters what a value is (arrays and source code included), so that a run is continued only by
  the same run.
- :func:`file_name` makes a file name of any label.
"""

from archcast.journal.claims import claimed, staffed
from archcast.journal.fingerprints import file_name, fingerprint
from archcast.journal.lines import Journal

__all__ = ["Journal", "claimed", "file_name", "fingerprint", "staffed"]
