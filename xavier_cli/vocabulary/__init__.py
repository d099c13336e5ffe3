"""Every word that a user may type, as data, and what it means. Standard library only."""
