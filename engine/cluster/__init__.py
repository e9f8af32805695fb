"""Ray: shards made and searched on many machines, by the code that does it on one."""
