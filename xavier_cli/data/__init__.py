"""What an experiment learns from: generated or read, always as bytes and labels."""
