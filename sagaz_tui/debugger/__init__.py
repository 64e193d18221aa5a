"""One saga as the debugger knows it: what is read of it, and where the cursor stands."""
