"""MIME scripts: an administrator's code over a message that leaves, in a process that can do little else."""
