"""What runs mean, in tables and words."""
