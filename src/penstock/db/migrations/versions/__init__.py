"""The steps from one schema to the next, in order. A step that was released is never edited."""
