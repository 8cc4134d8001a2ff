"""Ten million listings a day: the service as a real process under load, beside what a user would pick instead.

`python -m benchmarks speed`, or `make bench-speed`. `command` runs the parts one after another and keeps what each
measured in `benchmarks/results/speed.json`, so that one part can be run again by itself.
"""
