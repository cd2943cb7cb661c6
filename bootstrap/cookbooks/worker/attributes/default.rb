# What the journal may take of the disk, in MiB, 16 to 65536. The worker logs a few lines a job; the rest is what users' programs say.
default['worker_tier']['journal_mib'] = 512
