"""Labelled pictures from wherever they are kept: class folders, CSV, Parquet, webdataset shards, exported verdicts.

Place in the flow: first step of training. `read_items(source)` gives one `Item` after another, whatever the source; a
row that cannot be read is an error of that row and stops nothing. It decodes nothing but a glimpse, to see that the
bytes are a picture, and knows no model.
"""

from training.readers.items import Item, Reader, RowError
from training.readers.manifests import Manifest, take_manifest
from training.readers.opening import SourceError, open_reader, read_items

__all__ = ["Item", "Manifest", "Reader", "RowError", "SourceError", "open_reader", "read_items", "take_manifest"]
