"""What the mathematics predicts, before anything is trained."""
