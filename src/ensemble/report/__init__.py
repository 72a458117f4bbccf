"""Reports: a run or a topology, read as text, JSON, a picture or a page."""
