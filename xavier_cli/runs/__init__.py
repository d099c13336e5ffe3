"""What a run leaves behind: records, the schema of run files, and the store that publishes them."""
