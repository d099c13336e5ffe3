"""What runs mean, as values: who differs from whom, which claims hold, what is wrong with a training."""
