"""The review desk: what waits for a person, in which order, near-identical listings as one task, and second looks.

`grouping` puts a new case to its task, `queue` orders the tasks, `second` samples decisions for another reviewer.
Nothing here moves a case: reviewers act through `service.cases`.
"""
