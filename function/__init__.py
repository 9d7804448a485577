"""The slim thing that runs inside one function invocation: one shard of a run, and nothing else."""
