"""What a network is: initializers, activations, losses, and the multi-layer perceptron."""
