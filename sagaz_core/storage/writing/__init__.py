"""What is done to a store, by what it is done to; each is a part of its public face."""
