"""Commands beside Lightning's: one a file. `states`, `weak`, `compare` and `runs` import no torch."""
