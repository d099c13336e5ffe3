"""Code that tests share, and programs that they start as processes."""
