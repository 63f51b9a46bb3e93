"""Files that banks hand out: bytes in, statements out (domain/imported.py). No input or output.

A format is one module with `read`; `reading.py` finds out which it is by what stands in the file.
What cannot be read whole is refused, with its line and what to do: nothing of it is guessed.
"""
