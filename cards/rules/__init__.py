"""One clinical question a file, each with one `decide`."""
