"""How an evaluation runs and what is made of it: catalogue, outcomes, figures, intervals, pages and pictures."""
