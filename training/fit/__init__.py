"""Training of the embedder: one dense pass, three heads, a frozen early trunk.

Place in the flow: `brandwarden-train fit` reads a `config`, draws batches (`batches`, from `pictures`, `drawings` and
`prints`), takes steps (`loop`, on a `student` with `losses`), judges on held-out real photographs (`judging`) and
writes an open_clip local-dir (`finish`). Everything random comes from the seed and the number of the step.
"""
