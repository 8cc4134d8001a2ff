"""The commands of `brandwarden`, one module for each."""
