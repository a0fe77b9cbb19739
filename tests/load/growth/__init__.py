"""What a match, a bucket, a user and a socket cost as the work grows, each point measured in turn in one run.

program.py runs the subjects that are asked for: waiting.py (users who wait for something else), buckets.py (busy and
idle bucket actors), sockets.py, history.py (what ended long ago, with plans.py for how PostgreSQL finds its way).
crowd.py measures one point, rows.py puts people and history into the stores, subject.py is what comes of each.
"""
