"""The local side of benchctl: plans a run, fans it out, watches it, merges and reports it."""

__version__ = "0.1.0"
