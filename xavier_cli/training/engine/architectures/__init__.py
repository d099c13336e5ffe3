"""What a population's members are: how a network is drawn, trained, used and measured."""
