"""What only some systems have: the modes of files."""

import os

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
