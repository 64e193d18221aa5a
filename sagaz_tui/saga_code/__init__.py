"""The user's own code: loaded as the settings or a flag name it, and anew once it has changed."""
