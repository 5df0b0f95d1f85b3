"""Real Flink clusters of loopback processes, for the demo and for the tests.

- `distribution`: a Flink release, fetched once, and a home of its own for every run
- `processes`:    processes that are ours, and that never outlive us
- `cluster`:      JobManager, TaskManagers and the command line client over one discovery
- `discovery`:    how they find each other: LeaderServer, or what it is compared with
- `job`:          the job they run
- `proxy`:        a TCP proxy that can be told to misbehave
- `tls`:          key and trust stores

Nothing in here is a library of the product; it needs Python 3.11 and nothing but it.
"""
