"""The launcher: PID 1 of a sandbox container and all that it starts. Standard library only.

    start.py        sets up the container once, forks the supervisor, becomes the zygote
    zygote.py       PID 1. Forks a process per request and reaps all, in C. Its memory never holds a job's data.
    supervisor.py   speaks with the host over the container's stdin and stdout; runs one job at a time
    case.py         one case: descriptors, limits, facts
    processes.py    the supervisor's connection to the zygote
    testing.py      the supervisor's connection to the standing test process
    streams.py      a case's pipes and memory files
    clean.py        wipes what was written and says whether it is gone
    stall.py        at a wall limit: who sleeps, and who wants a CPU
    meter.py        CPU and memory as the container's cgroup (v1 or v2) counts them
    seccomp.py      a filter on top of Docker's own
    wire.py         frames; shared with the host
    rehearsal.py    what the zygote does once, so that no fork does it for the first time
    runner.py       in the forked process: reads what it is to do, and does it
    commands.py     compilers, and programs of other languages than Python
    program.py      loads and runs a candidate's program; calls.py: calls its functions
    channel.py      assert tests in two processes: what their two sides say to each other
    tester.py       the side that knows what is right, one standing process of a slot; names.py: which names mean the
                    program; purity.py: which tests may run in the standing process itself, not in a fork of it
    solution.py     the side of the candidate
    suite.py        the test side, for test files of pytest and unittest
    shared.py       assert tests in one process; equality.py: comparisons in them; own_words.py: operands that are the
                    test's alone

The candidate runs as an unprivileged uid. The supervisor and the zygote are root with the few capabilities of
:data:`sandbox.docker.CAPABILITIES`.
"""
