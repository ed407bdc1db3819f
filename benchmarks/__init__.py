"""Benchmarks: figures of the whole thing at work, each with a goal. `python -m benchmarks`; docs/benchmarks.md says what each one means.

Everything that is measured is the unmodified program in processes of its own; nothing here is imported by it.
"""
