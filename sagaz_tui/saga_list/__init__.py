"""What the list of sagas asks the store, and how a person narrows it down."""
