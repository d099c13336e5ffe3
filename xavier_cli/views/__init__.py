"""What every command answers, as values: tables and sentences, without a terminal."""
