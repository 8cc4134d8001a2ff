"""Pixels in; embeddings, regions and verified correspondences out.

Knows no brand, no database and no HTTP. Importing it loads neither torch nor any model:
an embedder is loaded by `vision.embedders.load_embedder`, everything else is NumPy, Pillow and OpenCV.
"""
