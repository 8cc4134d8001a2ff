"""The migrations, one module for each revision."""
