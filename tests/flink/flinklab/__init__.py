"""Real Flink clusters of loopback processes, for the demo and for the tests.

- `distribution`: a Flink release, fetched once, and a home of its own for every run
- `processes`:    processes that are ours, and that never outlive us
- `cluster`:      JobManager, TaskManagers and the command line client over one discovery
- `discovery`:    how they find each other without another process: LeaderServer in the JobManager
- `servers`:      LeaderServer and ZooKeeper as processes of their own
- `failover`:     a cluster with a standby, and the job that keeps exact state
- `events`:       what the log of a JobManager tells of leadership and of its job
- `ledger`:       what that job has written, and whether it can be true
- `job`:          the jobs they run
- `proxy`:        a TCP proxy that can be told to misbehave
- `tls`:          key and trust stores

Nothing in here is a library of the product; it needs Python 3.11 and nothing but it.
"""
