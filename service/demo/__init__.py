"""The demonstration: a real service, real photographs and marks, and expectations that hold or fail."""
