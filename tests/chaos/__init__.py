"""What is promised, under fire: users, faults, and a judge that anyone can run.

::

    ./run chaos                         a minute of users and faults, then the verdict
    ./run chaos --seeds 1-10            ten runs; the sums at the end
    ./run chaos --faults F9,replica-kill --each      these alone, one after the other
    ./run chaos --list                  every fault, and why one cannot be made here
    ./run chaos --smoke                 the mix that CI plays
    ./run chaos --keep DIR --report FILE.html        the evidence, and a page with the faults marked on it
    ./run chaos check DIR               judge kept evidence again

Three replicas of the service, each with a proxy before each store; PostgreSQL, Redis, RabbitMQ and a Question
Service of their own; a crowd of users over REST and WebSocket; a consumer at the broker; a nemesis that breaks
things by a seeded schedule.  Afterwards everybody goes home, the tables are dumped, and the checker reads what was
left behind.  The exit code is 1 when any promise was broken.

=====================  =========================================================================================
plan.py                what is asked of a run
evidence.py            what it leaves behind: the folder that everything below meets in
run.py                 one run, from start to a finished folder: read this first
founding.py, town.py   what is broken: servers, replicas (resident.py), proxies (proxy.py), a witness at the broker
                       (witness.py), a watch that samples (watch.py), a trigger that notes changes (audit.sql)
nemesis.py, faults/    who breaks it, and how: a row of the fault matrix each
crowd.py, people/      who uses it: processes of users with tempers of their own (worker.py)
checker/               the judge: an invariant each, I1 to I15 and P0
series.py, report.py   the run second by second; what the screen says
page.py, chart.py      the same as a page
mutants/               broken services, as patches: each must be found guilty
story.py, chronicle.py evidence made by hand, for the tests of the judge
=====================  =========================================================================================

docs/reliability.md says what is promised, and how to read a report.
"""
