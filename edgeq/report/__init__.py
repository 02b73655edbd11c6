"""Reports for people, made from the manifest and from measurements; never from the graph."""
