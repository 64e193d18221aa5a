"""Running sagas: steps, order, compensation, and recording what happens on the way."""
