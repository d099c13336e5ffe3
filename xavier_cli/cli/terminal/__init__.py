"""What people see and how a command ends: output, progress, signals, errors."""
