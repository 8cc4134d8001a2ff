"""Pictures through the stages: decode → prepare → embed in batches → search and verify.

Place in the flow: HTTP handlers, jobs, the command line and benchmarks hand bytes to `Pipeline` and get a
`concurrent.futures.Future`; everything runs on the pipeline's own threads. Knows no HTTP and writes nothing.
"""

from service.pipeline.pipeline import Pipeline
from service.pipeline.work import Checked, EmbeddedReference, Engine

__all__ = ["Checked", "EmbeddedReference", "Engine", "Pipeline"]
