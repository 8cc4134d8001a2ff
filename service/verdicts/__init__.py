"""Verdicts as training data: exported with their pictures, split so that nothing leaks from one split to another."""

from service.verdicts.export import Exported, export_verdicts

__all__ = ["Exported", "export_verdicts"]
