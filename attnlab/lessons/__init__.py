"""Lessons: files that a teacher can edit, whose answers the model computes when they are opened."""
