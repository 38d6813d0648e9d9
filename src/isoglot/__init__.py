"""isoglot: make a language model as good in every language as it is in its best one."""

__version__ = "0.1.0"
