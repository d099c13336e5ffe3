"""Makes a network of a user's ready to be looked at: tried out, its layers found, named and described."""
