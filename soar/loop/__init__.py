"""Search, learn, search again."""
